package extract

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
)

func TestReaderLimitRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		most  int
		fails bool
		asked []int // of two slices
	}{
		"Taken":    {1000, false, []int{1000, 1000}},
		"Once":     {500, false, []int{1000, 500, 500}},
		"Twice":    {100, false, []int{1000, 500, 100, 100}},
		"AnyAtAll": {0, true, []int{1000, 500, 100, 100}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var asked []int
			r := reading(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				limit, _ := strconv.Atoi(req.URL.Query().Get("limit"))
				mu.Lock()
				asked = append(asked, limit)
				mu.Unlock()
				if limit > c.most {
					w.WriteHeader(http.StatusBadRequest)
					io.WriteString(w, `{"success":false,"error_message":"Limit must be smaller"}`)
					return
				}
				io.WriteString(w, `{"conversations":[]}`)
			}))
			r.PageSize = 1000
			for range 2 {
				err := r.ReadSpan(t.Context(), []Span{aDay}, func(context.Context, *Chunk) error { return nil })
				if (err != nil) != c.fails {
					t.Errorf("%v, want an error: %v", err, c.fails)
				}
			}
			if !slices.Equal(asked, c.asked) {
				t.Errorf("asked for pages of %d, want %d", asked, c.asked)
			}
		})
	}
}
