package export

import (
	"context"
	"io"
	"path/filepath"
	"sync/atomic"
	"testing"

	"convsync/internal/warehouse"
)

// downloads is a source whose recordings are their URL, except raw ones, which are
// missing.
type downloads struct{ asked atomic.Int64 }

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

func TestWrite_Download(t *testing.T) {
	t.Parallel()
	w, d := newWorld(t, 10), &downloads{}
	o := w.options(t)
	o.Files, o.Downloader = Download, d
	killed(t, w, o, 18) // after some downloads
	for range 2 {
		s, err := Write(t.Context(), w, o)
		if err != nil {
			break // the second time: it is finished
		}
		if s.Manifest.Counts.Files != 14 || !s.Complete() {
			t.Errorf("got %+v", s.Manifest.Counts)
		}
	}
	for _, r := range readList(t, filepath.Join(o.Dir, "recordings.csv"), CSV) {
		if r["conversation_id"] != "made-up-000002" {
			continue
		}
		if want := map[string]string{"true": "available", "false": "missing"}[r["redacted"]]; r["availability"] != want || (r["path"] == "") != (want == "missing") || r["stored_uri"] != "" {
			t.Errorf("got %v", r)
		}
		if r["path"] != "" && r["sha256"] == "" {
			t.Errorf("got %v", r)
		}
	}
	if v := verified(t, o.Dir, VerifyOptions{}); len(v.Findings) > 0 || d.asked.Load() == 0 {
		t.Errorf("got %+v", v.Findings)
	}
}
