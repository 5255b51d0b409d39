package postgres

import (
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/warehouse"
)

// finish ends a run that many days after noon, by both clocks.
func finish(t *testing.T, d *Database, id string, days int, projects ...string) {
	t.Helper()
	at := warehouse.TimestampOf(loadtest.Noon.AddDate(0, 0, days))
	owner := load.Owner{RunID: id, Started: at}
	w, err := d.Begin(t.Context(), owner, projects...)
	if err != nil {
		t.Fatal(err)
	}
	run := runRow(owner)
	run.FinishedAt, run.SourceAt = warehouse.Some(at), warehouse.Some(at)
	if err := w.Finish(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// A row that is dated in the future must not keep the rows after it.
func TestChanges(t *testing.T) {
	t.Parallel()
	d, _ := prepared(t)
	add := func(at string, ids ...string) {
		t.Helper()
		for _, id := range ids {
			_, err := d.pool.Exec(t.Context(), "INSERT INTO changes (project_id, conversation_id, operation, at, run_id) VALUES ('p', $1, 'upsert', $2, 'r')", id, at)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	kept := func() (ids string) {
		t.Helper()
		if err := d.pool.QueryRow(t.Context(), "SELECT coalesce(string_agg(conversation_id, ' ' ORDER BY sequence), '') FROM changes").Scan(&ids); err != nil {
			t.Fatal(err)
		}
		return ids
	}
	add("2099-01-01", "future")
	add("2024-03-14", "a")
	add("1999-01-01", "past")
	finish(t, d, "run-1", 0)
	add("2024-06-01", "b")
	finish(t, d, "run-2", 89)
	if got := kept(); got != "future a past b" {
		t.Errorf("after 89 days the changes %q are kept", got)
	}
	finish(t, d, "run-3", 91)
	if got := kept(); got != "b" {
		t.Errorf("after 91 days the changes %q are kept, want those of b", got)
	}
}

// A database with years of runs, one every few minutes, before this version;
// one run had a clock that was ahead.
func TestRuns(t *testing.T) {
	t.Parallel()
	d, _ := prepared(t)
	_, err := d.pool.Exec(t.Context(), `INSERT INTO sync_runs (run_id, kind, status, started_at, finished_at, requests, retries, bytes, conversations_read,
			conversations_inserted, conversations_updated, conversations_unchanged, conversations_rejected, drift)
		SELECT 'old-' || i, 'incremental', 'succeeded', day, day, 0, 0, 0, 0, 0, 0, 0, 0, 0
		FROM generate_series(0, 12499) AS i, LATERAL (SELECT timestamptz '2022-01-01 12:00:00Z' + i / 25 * interval '1 day' + i % 25 * interval '1 minute' AS day) AS d`)
	if err != nil {
		t.Fatal(err)
	}
	finish(t, d, "ahead", 9000)
	finish(t, d, "last", 1)
	runs, err := d.Runs(t.Context(), 20_000)
	if err != nil {
		t.Fatal(err)
	}
	const thinned = (12_500 - load.FullRuns) / 25
	if len(runs) > load.FullRuns+thinned+4 || len(runs) < load.FullRuns || runs[0].RunID != "last" || runs[1].RunID != "ahead" || runs[2].RunID != "old-12499" {
		t.Errorf("%d runs are kept, want about %d; the last are %s, %s and %s", len(runs), load.FullRuns+thinned, runs[0].RunID, runs[1].RunID, runs[2].RunID)
	}
}
