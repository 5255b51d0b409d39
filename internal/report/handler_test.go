package report_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"convsync/internal/answer"
	"convsync/internal/report"
	"convsync/internal/warehouse"
)

// nothing is a destination in which nothing is loaded.
type nothing struct{ answer.Source }

func (nothing) Dialect() string { return "postgres" }
func (nothing) Close() error    { return nil }

func (nothing) Ask(context.Context, answer.Statement) (answer.Rows, error) { return noRows{}, nil }

type noRows struct{}

func (noRows) Columns() []answer.Column            { return nil }
func (noRows) Next(context.Context) ([]any, error) { return nil, io.EOF }
func (noRows) Close() error                        { return nil }

func ask(t *testing.T, h *report.Handler, query string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/report"+query, http.NoBody))
	return w
}

func newHandler(open report.Open) *report.Handler {
	return report.NewHandler(report.HandlerOptions{
		Open:  open,
		Knows: func(project string) bool { return project == "acme-team-4" },
		Log:   slog.New(slog.DiscardHandler),
	})
}

func TestHandler(t *testing.T) {
	t.Parallel()
	var opened atomic.Int64
	h := newHandler(func(context.Context, warehouse.Range) (answer.Source, error) {
		if opened.Add(1) == 1 {
			return nil, errors.New("made up: away")
		}
		return nothing{}, nil
	})
	defer h.Close()
	if w := ask(t, h, ""); w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "made up") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for range 3 { // an error is not kept, a page is
		w := ask(t, h, "?days=7&compare=1&project=acme-team-4")
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Nothing is loaded yet") || !strings.Contains(w.Body.String(), `name="project" value="acme-team-4"`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if csp := w.Header().Get("Content-Security-Policy"); csp != report.Policy() || strings.Contains(csp, "unsafe") {
			t.Error(csp)
		}
	}
	if n := opened.Load(); n != 2 {
		t.Errorf("opened %d times", n)
	}
	for query, want := range map[string]string{
		"?project=acme-team-9": "is not configured", "?environment=production": "is not known", "?days=0": "from 1 to 400", "?compare=perhaps": "neither 1 nor 0",
		"?from=2026-06-01": "the day after its last one", "?from=2026-06-02&to=2026-06-01": "the period is empty", "?form=2026-06-01": "is not known",
	} {
		if w := ask(t, h, query); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}

// TestHandler_Panic checks that a panic ends one page, and not the process.
func TestHandler_Panic(t *testing.T) {
	t.Parallel()
	var opened atomic.Int64
	h := newHandler(func(context.Context, warehouse.Range) (answer.Source, error) {
		if opened.Add(1) == 1 {
			panic("made up")
		}
		return nothing{}, nil
	})
	defer h.Close()
	for _, want := range []int{http.StatusServiceUnavailable, http.StatusOK} {
		if w := ask(t, h, ""); w.Code != want || strings.Contains(w.Body.String(), "made up") {
			t.Errorf("%d %s, want %d", w.Code, w.Body, want)
		}
	}
}

// TestHandler_Busy checks that few reports are computed or wait, one at a time, and that
// all are canceled at the end.
func TestHandler_Busy(t *testing.T) {
	t.Parallel()
	var at, most atomic.Int64
	begun := make(chan struct{}, 10)
	h := newHandler(func(ctx context.Context, _ warehouse.Range) (answer.Source, error) {
		most.Store(max(most.Load(), at.Add(1)))
		defer at.Add(-1)
		begun <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	})
	gone, leave := context.WithCancel(t.Context())
	leave()                                                                                 // these requests do not wait for their page, which is computed all the same
	for _, query := range []string{"?days=1", "?days=2", "?days=3", "?days=4", "?days=4"} { // the last two are one
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(gone, http.MethodGet, "/report"+query, http.NoBody))
	}
	<-begun
	if w := ask(t, h, "?days=5"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "30" {
		t.Errorf("the fifth page: %d %s", w.Code, w.Body)
	}
	h.Close()
	if most.Load() != 1 {
		t.Errorf("%d at the same time", most.Load())
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPage_Embedded(t *testing.T) {
	t.Parallel()
	readme := readFile(t, "page/uplot/README.md")
	for _, name := range []string{"uPlot.iife.min.js", "uPlot.min.css", "LICENSE"} {
		if sum := fmt.Sprintf("%x", sha256.Sum256([]byte(readFile(t, "page/uplot/"+name)))); !strings.Contains(readme, "| `"+name+"` | `"+sum+"` |") {
			t.Errorf("%s has the hash %s, which its README does not state", name, sum)
		}
	}
}

// A page is not that of other projects whose ids look the same in a row.
func TestHandler_Projects(t *testing.T) {
	t.Parallel()
	var opened atomic.Int64
	h := report.NewHandler(report.HandlerOptions{
		Open: func(context.Context, warehouse.Range) (answer.Source, error) {
			opened.Add(1)
			return nothing{}, nil
		},
		Knows: func(string) bool { return true },
		Log:   slog.New(slog.DiscardHandler),
	})
	defer h.Close()
	ask(t, h, "?project=a+b")
	first := opened.Load()
	if ask(t, h, "?project=a&project=b"); opened.Load() == first {
		t.Error("two projects have the page of one whose id is both of theirs")
	}
}
