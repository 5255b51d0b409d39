package simulate

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestPaging(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		paging         Paging
		path           string
		cursor, offset bool
	}{
		"Cursor":  {"", listPathOf, true, true},
		"Offset":  {PagingOffset, listPathOf, false, true},
		"Unnamed": {PagingUnnamed, listPathOf, false, false},
		"V2":      {"", strings.Replace(listPathOf, "v3", "v2", 1), false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := testOptions(25)
			o.Paging, o.PageRows = c.paging, 4
			s := newTest(t, o)
			received := 0
			for pages := 0; ; pages++ {
				a := answerOf(t, ask(t, s, c.path, url.Values{"limit": {"10"}, "offset": {strconv.Itoa(received)}}))
				if len(a.Conversations) == 0 {
					break
				}
				received += len(a.Conversations)
				more := received < 25
				if len(a.Conversations) > 4 || (a.Cursor != nil) != (c.cursor && more) || (a.NextOffset != nil) != (c.offset && more) ||
					a.NextOffset != nil && *a.NextOffset != received {
					t.Fatalf("after %d of 25: %d conversations, cursor %v, next offset %v", received, len(a.Conversations), a.Cursor, a.NextOffset)
				}
			}
			if received != 25 {
				t.Errorf("%d of 25", received)
			}
		})
	}
}

func TestFaults_Paging(t *testing.T) {
	t.Parallel()
	pagesOf := func(f Fault) (pages []int, cursors map[string]bool) {
		s := faulty(t, Faults{Share: map[Fault]float64{f: 1}})
		query, cursors := url.Values{"limit": {"60"}}, map[string]bool{}
		for range 6 {
			a := askPage(t, s, query)
			pages = append(pages, len(a.Conversations))
			if a.Cursor == nil {
				break
			}
			cursors[*a.Cursor] = true
			query.Set("cursor", *a.Cursor)
		}
		return pages, cursors
	}
	if pages, cursors := pagesOf(FreshCursor); len(pages) != 6 || pages[1] != 40 || pages[2] != 0 || pages[5] != 0 || len(cursors) != 6 {
		t.Errorf("fresh cursors: pages of %v, %d cursors", pages, len(cursors))
	}
	if pages, cursors := pagesOf(CycleCursor); len(pages) != 6 || pages[2] != 60 || pages[5] != 40 || len(cursors) != 6 {
		t.Errorf("a cycle: pages of %v, %d cursors", pages, len(cursors))
	}
	if pages, _ := pagesOf(EraseFirst); len(pages) != 2 || pages[1] != 40 {
		t.Errorf("erased while they are read by cursor: pages of %v", pages)
	}
}

func TestEraseFirst(t *testing.T) {
	t.Parallel()
	s := faulty(t, Faults{At: map[int64]Fault{1: EraseFirst}})
	before, after := askPage(t, s, nil).Conversations, askPage(t, s, nil).Conversations
	if len(before) != 100 || len(after) != 99 || string(before[1]) != string(after[0]) {
		t.Errorf("%d conversations, then %d", len(before), len(after))
	}
}

func TestDripBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := faulty(t, Faults{At: map[int64]Fault{1: DripBody}})
		ctx, leave := context.WithTimeout(t.Context(), 90*time.Second+time.Millisecond)
		defer leave()
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, listPathOf, nil)
		r.Header.Set("X-Api-Key", "key")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if body := w.Body.String(); body != strings.Repeat(" ", 90) {
			t.Errorf("%d bytes in 90 s: %q", len(body), body)
		}
	})
}
