package main

import (
	"strings"
	"testing"
	"time"

	"convsync/internal/export"
)

func TestExportFacts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status export.Status
		want   string
	}{
		"NothingYet": {export.Status{}, " 0 %, estimating the time left"},
		"List":       {export.Status{Share: 0.25, Rows: 1}, "25 %, 31 s left, 1 row"},
		"Copy":       {export.Status{Share: 0.5, Rows: 20, Files: 10, Bytes: 2e9}, "50 %, 11 s left, 20 rows, 10 files, 2.0 GB, 200 MB/s"},
		"Finishing":  {export.Status{Share: 0.99, Files: 1, Bytes: 10}, "99 %, finishing, 1 file, 10 B, 1 B/s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(exportFacts(c.status, c.status.Share, 10*time.Second), ", "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
