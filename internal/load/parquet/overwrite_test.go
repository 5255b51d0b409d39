package parquet

import (
	"errors"
	"os"
	"testing"
	"time"

	"convsync/internal/warehouse"
)

// Overwrite changes rows in the files of a day, as an outside tool would: the
// manifest is not updated.
func Overwrite(t testing.TB, path, project string, at time.Time, change func(*[]warehouse.Conversation, *[]warehouse.Turn)) {
	t.Helper()
	l, err := Open(Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	p := partition{project, dayOf(warehouse.TimestampOf(at))}
	var c []warehouse.Conversation
	var turned []warehouse.Turn
	err = errors.Join(
		scanRows(t.Context(), l.own(), conversations, p, func(row any) { c = append(c, *row.(*warehouse.Conversation)) }),
		scanRows(t.Context(), l.own(), turns, p, func(row any) { turned = append(turned, *row.(*warehouse.Turn)) }),
	)
	if err != nil {
		t.Fatal(err)
	}
	change(&c, &turned)
	d := l.temporaryOf(nil).newDay()
	for i := range c {
		err = errors.Join(err, d.files[0].add(d.temporary, &c[i]))
	}
	for i := range turned {
		err = errors.Join(err, d.files[1].add(d.temporary, &turned[i]))
	}
	if err != nil {
		t.Fatal(err)
	}
	files, err := d.close()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := os.Rename(l.path(f.name), l.path(p.file(f.table))); err != nil {
			t.Fatal(err)
		}
	}
}

// CopyDay writes one conversation, with its parts, as a day of its own.
func CopyDay(t testing.TB, path string, of *warehouse.Rows) {
	t.Helper()
	l, err := Open(Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	p := partition{of.Conversation.ProjectID, dayOf(of.Conversation.StartedAt)}
	d := l.temporaryOf(nil).newDay()
	if err := d.add(of); err != nil {
		t.Fatal(err)
	}
	files, err := d.close()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		to := l.path(p.file(f.table))
		if err := errors.Join(l.makeFolder(l.path(p.file(f.table)[:len(p.file(f.table))-len(partName)-1]), false, map[string]bool{}), os.Rename(l.path(f.name), to)); err != nil {
			t.Fatal(err)
		}
	}
}
