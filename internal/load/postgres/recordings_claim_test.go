package postgres

import (
	"errors"
	"runtime"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

func TestClaimRecordings(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	loadOne(t, d, loadtest.Conversation("p", "c-1", loadtest.Noon))
	c := claim(t, d, "run-1")
	w := begin(t, d, "run-2", "p") // does not wait for the claim
	record(t, c, result("c-1", raw, warehouse.AudioMissing, 1))
	_, err := open(t, Options{URL: d.URL}).ClaimRecordings(t.Context(), load.Owner{RunID: "run-3"}, "p")
	var locked *load.LockedError
	if !errors.As(err, &locked) || locked.Project != "p" || locked.Owner.RunID != "run-1" || locked.Owner.ProcessID != 42 || locked.Owner.Host != "host.example.com" {
		t.Errorf("a second claim: %v (%+v)", err, locked)
	}
	other, err := d.ClaimRecordings(t.Context(), load.Owner{RunID: "run-3"}, "q")
	if err := errors.Join(err, other.Close(), w.Close()); err != nil {
		t.Errorf("a claim on another project: %v", err)
	}

	whole := begin(t, d, "run-4") // does not wait for the claim, either
	results := []load.RecordingResult{result("c-1", raw, warehouse.AudioAvailable, 2)}
	if _, err := c.Record(t.Context(), results, nil); !errors.As(err, &locked) || locked.Owner.RunID != "run-4" {
		t.Errorf("next to a writer of the whole destination: %v", err)
	}
	if a := storedReferences(t, d, "c-1")[0]; a.Availability != warehouse.AudioMissing {
		t.Errorf("recorded next to a writer of the whole destination: %+v", a)
	}
	whole.Close()
	record(t, c, results...)

	pgtest.Exec(t, database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'convsync recordings run-1 %'")
	if err := <-c.(load.Watched).Lost(); !errors.Is(err, load.ErrLockLost) {
		t.Errorf("the session has ended: %v", err)
	}
	for gone := false; !gone; runtime.Gosched() { // the server frees the lock after it has closed the connection
		err := d.pool.QueryRow(t.Context(), "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'convsync recordings run-1 %')").Scan(&gone)
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Record(t.Context(), results, nil); !errors.Is(err, load.ErrLockLost) {
		t.Errorf("recorded without the claim: %v", err)
	}
	c.Close()
	record(t, claim(t, d, "run-5"), results...)
}

func TestClaimRecordings_NewerLayout(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	c := claim(t, d, "run-1")
	pgtest.Exec(t, inSchema(t, database, "polyai"), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)")
	var tooNew *load.TooNewError
	if _, err := c.Record(t.Context(), nil, &warehouse.RecordingState{}); !errors.As(err, &tooNew) || tooNew.Found != 99999 {
		t.Errorf("recorded in a newer layout: %v", err)
	}
	if _, err := d.ClaimRecordings(t.Context(), load.Owner{}, "q"); !errors.As(err, &tooNew) {
		t.Errorf("claimed in a newer layout: %v", err)
	}
}
