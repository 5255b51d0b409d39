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
	p := partitionAt(t, l, project, warehouse.TimestampOf(at))
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
	d := l.temporaryOf(nil).newPart(p)
	for i := range c {
		err = errors.Join(err, d.files[0].add(d.temporary, &c[i]))
	}
	for i := range turned {
		err = errors.Join(err, d.files[1].add(d.temporary, &turned[i]))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	for _, f := range d.placed {
		if err := os.Rename(l.path(f.name), l.path(p.file(f.table))); err != nil {
			t.Fatal(err)
		}
	}
}

// partitionAt returns the partition that has the day of a start.
func partitionAt(t testing.TB, l *Lake, project string, start warehouse.Timestamp) partition {
	t.Helper()
	p, _, err := newLayouts(l.own()).at(project, dayOf(start))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// File returns the path of a table's file with a start.
func File(t testing.TB, path, table, project string, start warehouse.Timestamp) string {
	t.Helper()
	l, err := Open(Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return l.path(partitionAt(t, l, project, start).file(table))
}

// CopyDay writes one conversation, with its parts, as a partition of its day.
func CopyDay(t testing.TB, path string, of *warehouse.Rows) {
	t.Helper()
	l, err := Open(Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	p := dayPartition(of.Conversation.ProjectID, dayOf(of.Conversation.StartedAt))
	d := l.temporaryOf(nil).newPart(p)
	if err := d.add(of); err != nil {
		t.Fatal(err)
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	for _, f := range d.placed {
		to := l.path(p.file(f.table))
		if err := errors.Join(l.makeFolder(l.path(p.folder(f.table)), false, map[string]bool{}), os.Rename(l.path(f.name), to)); err != nil {
			t.Fatal(err)
		}
	}
}
