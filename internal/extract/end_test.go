package extract

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// A full page that names no next page is the last one only if the source has no
// row after it.
func TestReaderEnd(t *testing.T) {
	t.Parallel()
	renamed := func(answer string) string { return strings.Replace(answer, `"cursor"`, `"next_cursor"`, 1) }
	same := func(answer string) string { return answer }
	for name, c := range map[string]struct {
		rows    int
		rename  func(string) string
		offsets string // how the source handles them: taken, ignored, refused
		fails   bool
	}{
		"CursorRenamed":  {25, renamed, "taken", true},
		"Full":           {20, same, "taken", false},
		"FullRenamed":    {10, renamed, "taken", false},
		"OffsetIgnored":  {20, same, "ignored", false},
		"OffsetRefused":  {20, same, "refused", false},
		"OffsetFails":    {20, same, "fails", false},
		"NotFull":        {9, renamed, "taken", false},
		"NothingAtAll":   {0, same, "refused", false},
		"RenamedIgnored": {10, renamed, "ignored", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &shelf{items: evenlyAt(c.rows)}
			source := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				q := r.URL.Query()
				switch {
				case q.Get("offset") == "" || c.offsets == "taken":
				case c.offsets == "refused":
					w.WriteHeader(http.StatusBadRequest)
					return
				case c.offsets == "fails":
					w.WriteHeader(http.StatusInternalServerError)
					return
				default:
					q.Del("offset")
					r.URL.RawQuery = q.Encode()
				}
				answer := httptest.NewRecorder()
				s.ServeHTTP(answer, r)
				_, _ = w.Write([]byte(c.rename(answer.Body.String())))
			})
			got := newCollector()
			failed, err := reading(t, source).ReadParts(t.Context(), []Span{aDay}, got.emit, nil)
			switch {
			case err != nil || len(failed) > 0 && !c.fails:
				t.Errorf("%v, failed: %v", err, failed)
			case c.fails && (len(failed) != 1 || !errors.Is(failed[0].Err, errNextNotNamed)):
				t.Errorf("failed: %v", failed)
			case !c.fails && len(got.ids) != c.rows:
				t.Errorf("%d were read, want %d", len(got.ids), c.rows)
			}
		})
	}
}

// A conversation that is listed between the last page and the request for the row
// after it does not look like a source that names no next page.
func TestReaderEnd_Grown(t *testing.T) {
	t.Parallel()
	items := evenlyAt(11)
	before, after := &shelf{items: items[:10]}, &shelf{items: items}
	var requests atomic.Int64
	source := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 1 {
			before.ServeHTTP(w, r)
			return
		}
		after.ServeHTTP(w, r)
	})
	got := newCollector()
	failed, err := reading(t, source).ReadParts(t.Context(), []Span{aDay}, got.emit, nil)
	if err != nil || len(failed) > 0 || len(got.ids) != len(items) {
		t.Errorf("%v, failed: %v, %d were read, want %d", err, failed, len(got.ids), len(items))
	}
}
