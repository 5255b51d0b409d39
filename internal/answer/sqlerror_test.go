package answer_test

import (
	"strings"
	"testing"

	"convsync/internal/answer"
)

var objects = []answer.Object{
	{Name: "conversations", Columns: []answer.ObjectColumn{{Name: "conversation_id"}, {Name: "started_at"}}},
	{Name: "turns", Columns: []answer.ObjectColumn{{Name: "turn_index"}, {Name: "latency_seconds"}}},
}

func TestSQLError(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sql, wrong string
		column     bool
		want       string
	}{
		"Column": {"SELECT conversaton_id FROM conversations", "conversaton_id", true,
			"wrong\nLINE 1: SELECT conversaton_id FROM conversations\n               ^\ndid you mean conversation_id?"},
		"Qualified": {"SELECT c.strated_at\nFROM conversations AS c", "c.strated_at", true,
			"wrong\nLINE 1: SELECT c.strated_at\n               ^\ndid you mean started_at?"},
		"OfOther": {"SELECT '日本', turn_indx\tFROM conversations", "turn_indx", true,
			"wrong\nLINE 1: SELECT '日本', turn_indx FROM conversations\n                       ^\ndid you mean turn_index?"},
		"Object": {"SELECT *\n  FROM turn", "turn", false, "wrong\nLINE 2:   FROM turn\n               ^\ndid you mean turns?"},
		"Quoted": {`SELECT * FROM "Conversatons"`, `"Conv`, false,
			"wrong\nLINE 1: SELECT * FROM \"Conversatons\"\n                      ^\ndid you mean conversations?"},
		"Unlike": {"SELECT nothing FROM turns", "nothing", true, "wrong\nLINE 1: SELECT nothing FROM turns\n               ^"},
		"Long": {"SELECT " + strings.Repeat("x", 90) + ", b" + strings.Repeat("y", 90), "b", true,
			"wrong\nLINE 1: …" + strings.Repeat("x", 48) + ", b" + strings.Repeat("y", 49) + "…\n" + strings.Repeat(" ", 59) + "^"},
	} {
		at := strings.Index(test.sql, test.wrong)
		e := &answer.SQLError{SQL: test.sql, Message: "wrong"}
		e.Line, e.Column = answer.Position(test.sql, at)
		e.Suggest(answer.NameAt(test.sql, at), test.column, objects)
		if e.Error() != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, e, test.want)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"turns", "turn_index", "conversations", "contacts"}
	for name, want := range map[string]string{"turn": "turns", "TUNRS": "turns", "contcats": "contacts", "x": "", "": ""} {
		if got := strings.Join(answer.Nearest(name, names), " "); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestRefuse(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"SELCT 1":            "did you mean SELECT?",
		"SELECT 1; SELECT 2": "",
		"with x AS (DELETE FROM turns RETURNING 1) SELECT * FROM x": "",
	} {
		if got := answer.Refuse(sql).Error(); strings.Contains(got, "did you mean") != (want != "") || !strings.Contains(got, want) {
			t.Errorf("%s: %s", sql, got)
		}
	}
}
