package postgres

import (
	"fmt"
	"strings"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

// stageRefusing stages and publishes rows, and returns the reasons of refused
// ones by conversation.
func stageRefusing(t *testing.T, w load.Writer, rows ...*warehouse.Rows) map[string]string {
	t.Helper()
	reasons, copies := map[string]string{}, make([]*warehouse.Rows, len(rows))
	for i := range rows {
		copies[i] = loadtest.Clone(rows[i])
	}
	err := w.Stage(t.Context(), &load.Batch{Window: 1, Feed: feed, Rows: copies, Refuse: func(r *warehouse.Rows, reason string) {
		reasons[r.Conversation.ConversationID] = reason
	}})
	if err != nil {
		t.Fatal(err)
	}
	counts, err := w.Publish(t.Context(), &load.Window{ID: 1, Feed: feed})
	if n := counts.Inserted + counts.Updated + counts.Unchanged; err != nil || n != int64(len(rows)-len(reasons)) {
		t.Fatalf("counted %+v, %v; want %d of %d", counts, err, len(rows)-len(reasons), len(rows))
	}
	return reasons
}

// spoilt returns conversations of which c-003 and c-007 have the note, also in
// a turn.
func spoilt(n int, note string) []*warehouse.Rows {
	rows := many(n, note)
	for _, i := range []int{3, 7} {
		rows[i].Turns[1].UserInput = "secret " + warehouse.Text(note)
		rows[i].Conversation.Note = "spoilt"
		loadtest.Seal(rows[i])
	}
	return rows
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	raise := func(code string) []string {
		return []string{
			`CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				IF NEW.user_input LIKE 'secret%' THEN RAISE EXCEPTION 'not %', NEW.user_input USING ERRCODE = '` + code + `'; END IF; RETURN NEW; END $$`,
			"CREATE TRIGGER own BEFORE INSERT OR UPDATE ON turns FOR EACH ROW EXECUTE FUNCTION own()",
		}
	}
	for _, c := range []struct {
		name    string
		setUp   []string
		reason  string
		cleanUp string
	}{
		{"Check", []string{"ALTER TABLE turns ADD CONSTRAINT no_secrets CHECK (user_input NOT LIKE 'secret%')"},
			"SQLSTATE 23514 (integrity constraint violation), constraint no_secrets, table turns", "ALTER TABLE turns DROP CONSTRAINT no_secrets"},
		{"ForeignKey", []string{"CREATE TABLE notes (note text PRIMARY KEY)", "INSERT INTO notes VALUES ('fine'), ('finer')",
			"ALTER TABLE conversations ADD CONSTRAINT known FOREIGN KEY (note) REFERENCES notes"},
			"SQLSTATE 23503 (integrity constraint violation), constraint known, table conversations", "ALTER TABLE conversations DROP CONSTRAINT known"},
		{"DeferredForeignKey", []string{"CREATE TABLE notes (note text PRIMARY KEY)", "INSERT INTO notes VALUES ('fine'), ('finer')",
			"ALTER TABLE conversations ADD CONSTRAINT known FOREIGN KEY (note) REFERENCES notes DEFERRABLE INITIALLY DEFERRED"},
			"SQLSTATE 23503 (integrity constraint violation), constraint known, table conversations", "ALTER TABLE conversations DROP CONSTRAINT known"},
		{"Trigger", raise("P0001"), "SQLSTATE P0001 (error raised by a trigger)", "DROP FUNCTION own CASCADE"},
		{"TriggerOfItsOwnClass", raise("45000"), "SQLSTATE 45000 (unhandled user-defined exception)", "DROP FUNCTION own CASCADE"},
		{"Value", []string{
			"CREATE FUNCTION own(t text) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN t LIKE 'secret%' THEN t::int END $$",
			"CREATE INDEX own ON turns (polyai.own(user_input))"},
			"SQLSTATE 22P02 (data exception)", "DROP FUNCTION own CASCADE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d, database := prepared(t)
			pgtest.Exec(t, inSchema(t, database, "polyai"), c.setUp...)
			w := begin(t, d, "run-1")
			check := func(stage string, rows []*warehouse.Rows, want map[string]string) {
				t.Helper()
				reasons := stageRefusing(t, w, rows...)
				if len(reasons) != 2 || reasons["c-003"] != "refused by Postgres: "+c.reason || reasons["c-007"] != reasons["c-003"] {
					t.Errorf("%s: refused %v", stage, reasons)
				}
				notes := map[string]string{}
				for key, r := range (subject{database, "polyai"}).Dump(t).Conversations {
					notes[key[1]] = string(r.Conversation.Note)
				}
				for i, r := range rows {
					id := r.Conversation.ConversationID
					note := string(r.Conversation.Note)
					if i == 3 || i == 7 {
						note = want[id]
					}
					if notes[id] != note {
						t.Errorf("%s: %s is stored with the note %q, want %q", stage, id, notes[id], note)
					}
				}
			}
			check("new", spoilt(20, "fine"), nil)
			// The second version is stored.
			stageOne(t, w, many(20, "fine")...)
			check("changed", spoilt(20, "finer"), map[string]string{"c-003": "fine", "c-007": "fine"})
			pgtest.Exec(t, inSchema(t, database, "polyai"), c.cleanUp)
			if reasons := stageRefusing(t, w, spoilt(20, "finer")...); len(reasons) != 0 {
				t.Errorf("refused unexpectedly: %v", reasons)
			}
		})
	}
}

func TestRefusalWithoutRefuse(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	pgtest.Exec(t, inSchema(t, database, "polyai"), "ALTER TABLE turns ADD CONSTRAINT no_secrets CHECK (user_input NOT LIKE 'secret%')")
	err := begin(t, d, "run-1").Stage(t.Context(), &load.Batch{Window: 1, Feed: feed, Rows: spoilt(20, "fine")})
	wantState(t, err, "constraint no_secrets")
	if strings.Contains(fmt.Sprintf("%v", err), "secret fine") {
		t.Errorf("the error quotes a row: %v", err)
	}
}

func TestRefusalOfKnownRejects(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	pgtest.Exec(t, inSchema(t, database, "polyai"), "ALTER TABLE turns ADD CONSTRAINT no_secrets CHECK (user_input NOT LIKE 'secret%')")
	transactions := 0
	d.Step = func(name string) {
		if name == "write conversations" {
			transactions++
		}
	}
	w := begin(t, d, "run-1")
	reject := warehouse.Reject{
		ProjectID:      "p",
		Environment:    loadtest.Live,
		RejectID:       "r",
		ConversationID: "c-003",
		Reason:         "refused",
		RunID:          "run-1",
	}
	if _, err := w.Publish(t.Context(), &load.Window{ID: 1, Feed: feed, Rejects: []warehouse.Reject{reject}}); err != nil {
		t.Fatal(err)
	}
	rows := many(64, "")
	rows[3] = spoilt(8, "fine")[3]
	if reasons := stageRefusing(t, w, rows...); len(reasons) != 1 || transactions != 2 {
		t.Errorf("refused %v in %d transactions, want 2", reasons, transactions)
	}
	if rejects := (subject{database, "polyai"}).Dump(t).Rejects; len(rejects) != 1 {
		t.Errorf("the rejects are %+v", rejects)
	}
	pgtest.Exec(t, inSchema(t, database, "polyai"), "ALTER TABLE turns DROP CONSTRAINT no_secrets")
	stageRefusing(t, w, rows...)
	if rejects := (subject{database, "polyai"}).Dump(t).Rejects; len(rejects) != 0 {
		t.Errorf("rejects that could be loaded stay: %+v", rejects)
	}
}

func TestRefusalIsNotOfTheDestination(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"53100", "53200", "57P01", "57014", "42501", "42P01", "08006", "55P03", "58030", "XX000", "25006", "0A000"} {
		d, database := prepared(t)
		trap(t, database, "INSERT", "turns", "RAISE EXCEPTION 'down' USING ERRCODE = '"+code+"';")
		err := begin(t, d, "run-1").Stage(t.Context(), &load.Batch{Window: 1, Feed: feed, Rows: many(4, ""), Refuse: func(*warehouse.Rows, string) {
			t.Errorf("%s: a conversation was refused", code)
		}})
		if !hasCode(err, code) {
			t.Errorf("%s: got %v", code, err)
		}
	}
}

// A conversation with a row that a trigger skips without an error is refused,
// and not stored in part.
func TestRefusalSkipped(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ event, table string }{
		"NewKey": {"INSERT", "conversation_keys"}, "NewRow": {"INSERT", "conversations"}, "NewTurn": {"INSERT", "turns"},
		"ChangedKey": {"UPDATE", "conversation_keys"}, "ChangedRow": {"UPDATE", "conversations"}, "ChangedTurn": {"UPDATE", "turns"},
		"GoneTurn": {"DELETE", "turns"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, database := prepared(t)
			w := begin(t, d, "run-1")
			rows := many(8, "fine")
			if c.event != "INSERT" {
				stageOne(t, w, rows...)
				for i := range rows {
					rows[i] = loadtest.Conversation("p", rows[i].Conversation.ConversationID, loadtest.Noon, loadtest.Turns(2))
					rows[i].Turns[0].UserInput = "changed"
					loadtest.Seal(rows[i])
				}
			}
			trap(t, database, c.event, c.table, "IF OLD.conversation_id = 'c-003' OR NEW.conversation_id = 'c-003' THEN RETURN NULL; END IF;")
			reasons := stageRefusing(t, w, rows...)
			if len(reasons) != 1 || !strings.HasPrefix(reasons["c-003"], "refused by Postgres: SQLSTATE 27000 (triggered data change violation)") {
				t.Errorf("refused %v", reasons)
			}
			dump := subject{database, "polyai"}.Dump(t)
			stored := dump.Conversations[[2]string{"p", "c-003"}]
			if c.event == "INSERT" && stored != nil || c.event != "INSERT" && stored.Hash() != stored.Conversation.ContentHash {
				t.Errorf("stored in part: %+v", stored)
			}
			if n := len(dump.Conversations); n != 8 && c.event != "INSERT" || n != 7 && c.event == "INSERT" {
				t.Errorf("%d are stored", n)
			}
		})
	}
}
