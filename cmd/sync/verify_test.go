package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"convsync/internal/load/pgtest"
	"convsync/internal/query"
	"convsync/internal/simulate"
)

// mended has the fields that the tests use of `verify --repair --output json`.
type mended struct {
	Projects []struct {
		Erased   int64
		Findings []struct{ Kind string }
	}
	Stored []struct {
		Faults map[string]int64
	} `json:"stored_data"`
	Repair struct{ Mended, Left map[string]int64 }
}

// repairAll runs `verify --repair`, which has to mend everything, and returns
// what it mended by kind.
func repairAll(t *testing.T, config string, from time.Time) mended {
	t.Helper()
	r := convsync(t, nil, "verify", "--config", config, "--output", "json", "--log-level", "error", "--repair",
		"--from", from.Format("2006-01-02"), "--to", standing.AddDate(0, 0, 1).Format("2006-01-02"))
	var m mended
	if err := json.Unmarshal([]byte(r.stdout), &m); err != nil || r.code != exitOK || len(m.Repair.Left) > 0 {
		t.Fatalf("exit code %d; %v\nmended: %v\nleft: %v\nstderr: %s", r.code, err, m.Repair.Mended, m.Repair.Left, r.stderr)
	}
	return m
}

// wantKinds checks that each of the kinds was mended.
func (m mended) wantKinds(t *testing.T, kinds ...string) {
	t.Helper()
	for _, kind := range kinds {
		if m.Repair.Mended[kind] == 0 {
			t.Errorf("%s was not mended: %v", kind, m.Repair.Mended)
		}
	}
	if m.Projects[0].Erased != 1 {
		t.Errorf("%d were erased, want 1", m.Projects[0].Erased)
	}
}

// aged loads a history since a time, and then one in which a transcript is hidden
// that is stored, and a conversation is no longer listed.
func aged(t *testing.T, destination string, from time.Time) (config string) {
	t.Helper()
	simulator, server := since(t, 600, from, 3, simulate.Deviations{})
	config = configure(t, server.URL, destination)
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	start := standing.AddDate(0, 0, -21).Format(time.DateOnly)
	writeFile(t, config, strings.Replace(string(text), start, from.AddDate(0, 0, -1).Format(time.DateOnly), 1))
	run(t, config, exitOK)
	for index := 560; index < 564; index++ {
		simulator.Override("acme-team-4", "live", index, simulate.Override{HideTranscript: true})
	}
	simulator.Override("acme-team-4", "live", 570, simulate.Override{Remove: true})
	verifyAll(t, config, exitOK, "--repair")
	return config
}

// idOf is the first conversation of which a column has a value.
func idOf(t *testing.T, store map[string]rowsOf, column string, is func(any) bool) string {
	t.Helper()
	for _, id := range slices.Sorted(maps.Keys(store["conversations"])) {
		if is(store["conversations"][id][0][column]) {
			return id
		}
	}
	t.Fatalf("no conversation has such a %s", column)
	return ""
}

func isKept(v any) bool { return v == "hidden_kept" }
func isSet(v any) bool  { return v != nil }

// forget takes a conversation out of what is compared.
func forget(store map[string]rowsOf, id string) {
	for table := range compared {
		delete(store[table], id)
	}
}

func TestVerifyRepair(t *testing.T) {
	t.Parallel()
	t.Run("Postgres", func(t *testing.T) {
		t.Parallel()
		database := newDatabase(t)
		from := standing.AddDate(0, 0, -20)
		config := aged(t, intoPostgres(database), from)
		before := readDatabase(t, database)
		kept, gone := idOf(t, before, "transcript_status", isKept), idOf(t, before, "missing_since", isSet)
		ids := slices.DeleteFunc(slices.Sorted(maps.Keys(before["conversations"])), func(id string) bool {
			c := before["conversations"][id][0]
			return c["transcript_status"] == "hidden_kept" || c["missing_since"] != nil || c["lifecycle"] != "final" || len(before["turns"][id]) == 0 || len(before["audio_references"][id]) == 0
		})
		damagePostgres(t, database, ids, kept, gone)
		repairAll(t, config, from).wantKinds(t, "orphan_parts", "no_audio", "wrong_lifecycle", "missing_key", "stale_key", "second_copy",
			"not_queued", "stale_queue_entry", "lost_conversation", "tampered")
		after := readDatabase(t, database)
		if c := after["conversations"][gone][0]; c["summary"] != "changed by hand" || c["missing_since"] == nil {
			t.Errorf("what only the destination has was not accepted as it is: %v", c)
		}
		for _, store := range []map[string]rowsOf{before, after} {
			forget(store, gone)
		}
		if after["conversations"][ids[7]] != nil {
			t.Error("what was erased is back")
		}
		forget(before, ids[7])
		sameStores(t, before, after)
	})
	t.Run("Parquet", func(t *testing.T) {
		t.Parallel()
		lake := filepath.Join(t.TempDir(), "lake")
		from := standing.AddDate(0, 0, -300) // months, since a quiet one is one file
		config := aged(t, into(lake), from)
		before := readLake(t, lake)
		erased := damageLake(t, lake, before)
		repairAll(t, config, from).wantKinds(t, "orphan_parts", "no_audio", "wrong_lifecycle", "second_copy", "lost_file", "damaged_file",
			"altered_file", "foreign_file", "not_queued", "damaged")
		after := readLake(t, lake)
		if after["conversations"][erased] != nil {
			t.Error("what was erased is back")
		}
		forget(before, erased)
		gone := idOf(t, before, "missing_since", isSet) // only its parts are left
		if len(before["turns"][gone]) == 0 || after["conversations"][gone][0]["missing_since"] == nil {
			t.Errorf("what only the destination had: %v", after["conversations"][gone])
		}
		before["conversations"][gone] = after["conversations"][gone]
		sameStores(t, before, after)
		if moved, _ := filepath.Glob(filepath.Join(lake, "_sync/quarantine/*/turns/*/*/part-1.parquet")); len(moved) != 1 {
			t.Errorf("the foreign file was not moved aside: %v", moved)
		}
	})
}

// damagePostgres changes the tables in every way that verify knows.
func damagePostgres(t *testing.T, database string, ids []string, kept, gone string) {
	t.Helper()
	later := func(table, id, by string) string {
		return fmt.Sprintf("INSERT INTO polyai.%[1]s SELECT (jsonb_populate_record(t, jsonb_build_object('started_at', t.started_at + interval '%[2]s'))).* FROM polyai.%[1]s t WHERE conversation_id = '%[3]s'", table, by, id)
	}
	statements := []string{
		"INSERT INTO polyai.turns (project_id, conversation_id, turn_index, started_at) VALUES ('acme-team-4', 'orphan', 0, '2026-06-10T00:00:00Z')",
		later("turns", ids[0], "1 hour"),
		"DELETE FROM polyai.audio_references WHERE conversation_id = '" + ids[1] + "'",
		"UPDATE polyai.conversations SET lifecycle = 'open' WHERE conversation_id = '" + ids[2] + "'",
		"DELETE FROM polyai.conversation_keys WHERE conversation_id = '" + ids[3] + "'",
		"UPDATE polyai.conversation_keys SET content_hash = 'changed' WHERE conversation_id = '" + ids[4] + "'",
		"UPDATE polyai.open_conversations SET started_at = started_at - interval '1 hour'",
		"INSERT INTO polyai.open_conversations SELECT project_id, environment, conversation_id, started_at, first_seen_at FROM polyai.conversations WHERE conversation_id = '" + ids[6] + "'",
		"INSERT INTO polyai.erasures VALUES ('acme-team-4', '" + ids[7] + "', now(), 'asked', 'by-hand')",
		"DELETE FROM polyai.conversations WHERE conversation_id = '" + kept + "'",
		"UPDATE polyai.conversations SET summary = 'changed by hand' WHERE conversation_id = '" + gone + "'",
	}
	for table := range compared {
		statements = append(statements, later(table, ids[5], "2 days"), "DELETE FROM polyai."+table+" WHERE conversation_id = '"+ids[7]+"'")
	}
	statements = append(statements, "DELETE FROM polyai.conversation_keys WHERE conversation_id = '"+ids[7]+"'")
	pgtest.Exec(t, database, statements...)
}

// damageLake changes the files in every way that verify knows, each in a month of
// its own, and returns the conversation that it erases.
func damageLake(t *testing.T, lake string, before map[string]rowsOf) (erased string) {
	t.Helper()
	months, err := filepath.Glob(filepath.Join(lake, "turns", "*", "*", "*"))
	if err != nil || len(months) != 11 {
		t.Fatal(months, err)
	}
	file := func(table string, month int) string { return strings.Replace(months[month], "turns", table, 1) }
	change := func(table string, month int, statement string) { changeFile(t, lake, file(table, month), statement) }
	change("turns", 1, "INSERT INTO tampered SELECT * REPLACE ('orphan' AS conversation_id) FROM tampered LIMIT 2")
	change("audio_references", 2, "DELETE FROM tampered WHERE conversation_id = (SELECT min(conversation_id) FROM tampered)")
	change("conversations", 3, "UPDATE tampered SET lifecycle = 'open'")
	_, month, _ := strings.Cut(filepath.Base(filepath.Dir(months[6])), "=")
	erased = idOf(t, before, "started_at", func(v any) bool { return strings.Contains(fmt.Sprint(v), month) })
	for table := range compared {
		change(table, 6, "DELETE FROM tampered WHERE conversation_id = '"+erased+"'")
	}
	state, copied := filepath.Join(lake, "_sync", "state"), "started_month=2026-07"
	work := []error{
		os.Remove(file("turns", 4)),
		os.Remove(file("conversations", 10)), // has the one whose transcript is hidden
		os.Truncate(file("turn_entities", 5), 50),
		os.Link(file("turns", 7), filepath.Join(filepath.Dir(file("turns", 7)), "part-1.parquet")),
		os.WriteFile(filepath.Join(state, "open_conversations.jsonl"), nil, 0o600),
		os.WriteFile(filepath.Join(state, "erasures.jsonl"),
			fmt.Appendf(nil, `{"project_id":"acme-team-4","conversation_id":%q,"erased_at":0,"run_id":"by-hand"}`+"\n", erased), 0o600),
	}
	for table := range compared {
		from := filepath.Dir(file(table, 8))
		work = append(work, os.CopyFS(filepath.Join(filepath.Dir(from), copied), os.DirFS(from)))
	}
	for _, err := range work {
		if err != nil {
			t.Fatal(err)
		}
	}
	return erased
}

// changeFile changes a file of a lake by DuckDB, in which it is the table tampered.
func changeFile(t *testing.T, lake, file, statement string) {
	t.Helper()
	db, err := query.OpenLake(t.Context(), lake)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range []string{
		fmt.Sprintf("CREATE TABLE tampered AS SELECT * FROM read_parquet('%s', hive_partitioning = false)", file),
		statement, fmt.Sprintf("COPY (SELECT * FROM tampered) TO '%s' (FORMAT parquet, COMPRESSION zstd)", file),
	} {
		if _, err := db.Query(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}
