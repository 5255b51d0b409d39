package bench

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSource reads a small data set by pages, in each variant, and compares it
// with what was prepared.
func TestSource(t *testing.T) {
	t.Parallel()
	to := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	s := spec{
		Conversations: 203,
		Projects:      2,
		From:          to.AddDate(0, 0, -3),
		To:            to,
		Turns:         2,
	}
	folder := t.TempDir()
	if err := prepare(s, folder); err != nil {
		t.Fatal(err)
	}
	lines, err := os.ReadFile(filepath.Join(folder, dataFile))
	if err != nil {
		t.Fatal(err)
	}
	prepared := bytes.Split(bytes.TrimSuffix(lines, []byte("\n")), []byte("\n"))
	source, err := newSource(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer source.data.Close()
	if source.packed, err = source.pack(); err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]variant{
		"Plain":   {},
		"Gzip":    {Gzip: true},
		"Changed": {Newest: 7, Every: 50},
		"Both":    {Newest: 7, Every: 50, Gzip: true},
		"OnePage": {PageRows: 1000},
		"Thinned": {Newest: 7, Every: 50, Of: 3},
	} {
		source.view.Store(source.viewOf(v))
		of := max(1, v.Of)
		for _, p := range source.Projects {
			got := readAll(t, source, p.ID, s, v.Gzip)
			if len(got) != (p.Count+of-1)/of || p.Count < 100 {
				t.Fatalf("%s: %d conversations of %d", name, len(got), p.Count)
			}
			for place, conversation := range got {
				want := string(prepared[p.First+place*of])
				if v.changed(place) {
					want = strings.Replace(want, `"note":"`, `"note":"Made-up later note. `, 1)
				}
				if string(conversation) != want {
					t.Fatalf("%s: conversation %d is\n%s\nwant\n%s", name, place, conversation, want)
				}
			}
		}
	}
}

// readAll reads a project by pages of 90.
func readAll(t *testing.T, s *source, project string, all spec, packed bool) (read []json.RawMessage) {
	t.Helper()
	handler := s.handler()
	cursor := ""
	for {
		r := httptest.NewRequest(http.MethodGet, "/v3/"+account+"/"+project+"/conversations?client_env=live&limit=90&start_time="+
			all.From.Format(time.RFC3339)+"&end_time="+all.To.Format(time.RFC3339)+"&cursor="+cursor, http.NoBody)
		r.Header.Set("Accept-Encoding", "gzip")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		var body io.Reader = w.Body
		if is := w.Header().Get("Content-Encoding") == "gzip"; is != packed {
			t.Fatalf("compressed: %v", is)
		}
		if packed {
			z, err := gzip.NewReader(body)
			if err != nil {
				t.Fatal(err)
			}
			body = z
		}
		var page struct {
			Conversations []json.RawMessage
			Cursor        string
		}
		if err := json.NewDecoder(body).Decode(&page); err != nil || w.Code != http.StatusOK {
			t.Fatal(w.Code, err)
		}
		read = append(read, page.Conversations...)
		if cursor = page.Cursor; cursor == "" {
			return read
		}
	}
}
