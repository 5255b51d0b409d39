package export

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"convsync/internal/warehouse"
)

// downloads is a source whose recordings are their URL, except raw ones, which are
// missing.
type downloads struct{ asked, described atomic.Int64 }

func (d *downloads) Name(a *warehouse.AudioReference) (string, error) {
	if a.Redacted {
		return a.ProjectID + "/" + a.ConversationID + ".redacted.wav", nil
	}
	return a.ProjectID + "/" + a.ConversationID + ".raw.wav", nil
}

func (d *downloads) Download(_ context.Context, a *warehouse.AudioReference, to io.Writer) (warehouse.AudioReference, error) {
	d.asked.Add(1)
	got := *a
	got.Codec = "pcm_s16le"
	if !a.Redacted {
		got.Availability = warehouse.AudioMissing
	}
	_, err := io.WriteString(to, string(a.URL))
	return got, err
}

func (d *downloads) Describe(a *warehouse.AudioReference, _ *os.File) (warehouse.AudioReference, bool, error) {
	d.described.Add(1)
	got := *a
	got.Codec = "pcm_s16le"
	return got, true, nil
}

func TestWrite_Download(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t, 10), &downloads{}
	o := w.options(t)
	o.Files, o.Downloader, o.Store = Download, d, nil
	killed(t, w, o, 16) // after some downloads
	before := d.asked.Load()
	s := w.write(t, o)
	if s.Manifest.Counts.Files != 8 || !s.Complete() || d.described.Load() == 0 || d.asked.Load()-before >= 16 {
		t.Errorf("got %+v, %d requests, %d described", s.Manifest.Counts, d.asked.Load()-before, d.described.Load())
	}
	for _, r := range readList(t, filepath.Join(o.Dir, "recordings.csv"), CSV) {
		want := map[string]string{"true": "available", "false": "missing"}[r["redacted"]]
		switch r["conversation_id"] {
		case "made-up-000003":
			want = "none"
		case "made-up-000004":
			want = "missing" // known: it is not requested
		}
		if r["availability"] != want || (r["path"] == "") != (want != "available") || want == "available" && (r["sha256"] == "" || r["codec"] == "") {
			t.Errorf("got %v", r)
		}
	}
	if v := verified(t, o.Dir, VerifyOptions{}); len(v.Findings) > 0 {
		t.Errorf("got %+v", v.Findings)
	}
}
