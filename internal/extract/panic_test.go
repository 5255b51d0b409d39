package extract

import (
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"convsync/internal/panics"
	"convsync/internal/polyai"
)

// panickingSource is a source that panics with a value that a log must not contain.
type panickingSource struct{ with any }

func (b panickingSource) List(context.Context, polyai.ListQuery) (*polyai.Page, error) { panic(b.with) }

func TestReaderPanic(t *testing.T) {
	t.Parallel()
	r := reading(t, pages(nil))
	r.Source = panickingSource{"a made-up transcript"}
	slices := []Span{{0, 10}, {10, 20}, {20, 30}, {30, 40}, {40, 50}, {50, 60}}
	_, err := r.ReadParts(t.Context(), slices, newCollector().emit, nil)
	var caught *panics.Error
	if !errors.As(err, &caught) || strings.Contains(err.Error(), "transcript") || len(caught.Stack) == 0 {
		t.Fatalf("the error is %v", err)
	}
	if !regexp.MustCompile(`panic with a string at panic_test\.go:\d+$`).MatchString(err.Error()) {
		t.Errorf("the message is %v", err)
	}
	if !r.Slots.TryAcquire(4) || !r.Walks.TryAcquire(4) {
		t.Error("a permit is never released")
	}
}

// unanswered is a source that does not answer its first request.
type unanswered struct {
	Source
	asked atomic.Bool
}

func (u *unanswered) List(ctx context.Context, q polyai.ListQuery) (*polyai.Page, error) {
	if !u.asked.Swap(true) {
		return nil, &polyai.TransportError{Request: "GET", Err: io.ErrUnexpectedEOF}
	}
	return u.Source.List(ctx, q)
}

func TestStatsResponses(t *testing.T) {
	t.Parallel()
	r := reading(t, pages(func(w http.ResponseWriter, _ *http.Request, nth int64) bool {
		switch nth {
		case 1:
			w.WriteHeader(http.StatusTooManyRequests)
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return nth <= 2
	}))
	r.Source = &unanswered{Source: r.Source}
	began := time.Now()
	if err := r.ReadSpan(t.Context(), []Span{{0, 10}}, newCollector().emit); err != nil {
		t.Fatal(err)
	}
	got := r.Stats.Responses()
	if got[429] != 1 || got[503] != 1 || got[0] != 1 || got[200] != 3 || len(got) != 4 {
		t.Errorf("counted %v", got)
	}
	if perSecond, _, inFlight := r.Session.budget.Use(began); perSecond != 0.6 || inFlight != 0 {
		t.Errorf("%g requests a second, %d in flight", perSecond, inFlight)
	}
}
