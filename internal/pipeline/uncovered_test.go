package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

func TestRegister_NameRefused(t *testing.T) {
	t.Parallel()
	d := newFake()
	o := withOthers(t, d)
	d.refusedName = "keyless"
	o.Feeds[1].Refused = nil
	report, err := Run(t.Context(), o)
	var name *load.ProjectNameError
	if err != nil || report.Status != warehouse.RunPartial || len(report.Errors) != 2 || !errors.As(errors.Join(report.Errors...), &name) {
		t.Errorf("Run: %v, %s, %v", err, report.Status, report.Errors)
	}
	if len(d.conversations()) != conversations {
		t.Errorf("%d conversations of the good project, want %d", len(d.conversations()), conversations)
	}
	if err := o.RefuseMixed(t.Context()); err != nil || !errors.As(o.Feeds[1].Refused, &name) {
		t.Errorf("RefuseMixed: %v, %v", err, o.Feeds[1].Refused)
	}
}

// The findings of the destination are logged, the first ones individually.
func TestRecover(t *testing.T) {
	t.Parallel()
	d := newFake()
	o := withOthers(t, d)
	d.uncovered = []load.Uncovered{{What: []string{"runs.jsonl is short"}}}
	for i := range 25 {
		d.uncovered = append(d.uncovered, load.Uncovered{ProjectID: "p", From: 86400e6, Until: 2 * 86400e6, What: []string{fmt.Sprintf("file %d is missing", i)}})
	}
	var text bytes.Buffer
	o.Log = slog.New(slog.NewTextHandler(&text, nil))
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	said := text.String()
	for _, want := range []string{"runs.jsonl is short", "file 0 is missing", "file 18 is missing", "project=p from=1970-01-02T00:00:00Z until=1970-01-03T00:00:00Z", "count=6"} {
		if !strings.Contains(said, want) {
			t.Errorf("the log has no %q", want)
		}
	}
	if strings.Contains(said, "file 19") {
		t.Error("all findings are logged individually")
	}
}
