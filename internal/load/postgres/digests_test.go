package postgres

import (
	"slices"
	"strings"
	"testing"

	"convsync/internal/load/loadtest"
	"convsync/internal/warehouse"
)

// Storing digests for the first time, as after an upgrade, writes only the keys. If
// they are stored, nothing is written.
func TestDigests_WriteKeysOnly(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	rows := func(digest byte) (rows []*warehouse.Rows) {
		for _, id := range []string{"c-1", "c-2"} {
			r := loadtest.Conversation("p", id, loadtest.Noon)
			r.Digest[0] = digest
			rows = append(rows, r)
		}
		return rows
	}
	loadOne(t, d, rows(0)...)
	w := begin(t, d, "run-2")
	conn := connect(t, inSchema(t, database, "polyai"))
	for i, wanted := range []string{"conversation_keys ", ""} {
		before := rowVersions(t, conn)
		if c := stageOne(t, w, rows(1)...); c.Unchanged != 2 || len(c.Rows) > 0 && c.Rows["conversations"] > 0 {
			t.Errorf("counted %+v, want 2 unchanged and no row", c)
		}
		wrote := false
		for _, version := range rowVersions(t, conn) {
			if slices.Contains(before, version) || strings.HasPrefix(version, "sync_locks ") {
				continue
			}
			if wrote = true; wanted == "" || !strings.HasPrefix(version, wanted) {
				t.Errorf("stage %d wrote %s", i, version)
			}
		}
		if wrote != (wanted != "") {
			t.Errorf("stage %d wrote digests: %t", i, wrote)
		}
	}
}
