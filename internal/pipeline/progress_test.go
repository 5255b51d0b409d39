package pipeline

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"sync/atomic"
	"testing"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/panics"
	"convsync/internal/polyai"
	"convsync/internal/ratelimit"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// TestProgress checks at each commit, and at the end, that the counters never decrease
// and end with those of the report.
func TestProgress(t *testing.T) {
	t.Parallel()
	destination := newFake()
	o := options(t, simulated(t, at(end), simulate.Deviations{}), destination, at(end))
	o.Progress = &Progress{}
	budget := ratelimit.NewBudget(ratelimit.BudgetOptions{})
	o.Feeds[0].Reader.Session = extract.NewSession(budget)
	o.Budgets = []Budget{{Budget: budget, Host: "127.0.0.1", Project: "acme-team-4"}}
	if o.Progress.SoFar() != nil || Rates(end, o.Progress) != nil {
		t.Error("a run that has not begun reports progress")
	}
	looked, last := 0, int64(0)
	destination.onPublish = func() {
		looked++
		soFar := o.Progress.SoFar()
		if soFar.Requests < last || soFar.Requests == 0 || soFar.Traffic.Bytes == 0 && soFar.Requests > 1 {
			t.Errorf("so far there were %d requests and %d bytes, after %d requests", soFar.Requests, soFar.Traffic.Bytes, last)
		}
		last = soFar.Requests
		if queues, bytes, most := o.Progress.Queues(); len(queues) != 2 || queues[0].Capacity == 0 || bytes > most {
			t.Errorf("the queues are %v, with %d of %d bytes", queues, bytes, most)
		}
		if rates := Rates(end, o.Progress); len(rates) != 1 || rates[0].Host != "127.0.0.1" {
			t.Errorf("the rates are %v", rates)
		}
	}
	report, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if looked == 0 {
		t.Fatal("nothing was published")
	}
	soFar := o.Progress.SoFar()
	if soFar.Requests != report.Requests || soFar.Conversations != report.Conversations || report.Traffic.Responses[200] != report.Requests {
		t.Errorf("at the end the progress is %+v of %+v", soFar, report)
	}
	if queues, bytes, _ := o.Progress.Queues(); queues != nil || bytes != 0 {
		t.Errorf("at the end there are queues: %v, %d bytes", queues, bytes)
	}
}

// The estimate is checked at each request from the second on, when the first page was
// read.
func TestProgress_Expected(t *testing.T) {
	t.Parallel()
	source, progress := simulated(t, at(end), simulate.Deviations{}), &Progress{}
	var requests atomic.Int64
	o := options(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n, expected := requests.Add(1), progress.Expected(); n == 1 && expected != 0 ||
			n > 1 && (expected < conversations/2 || expected > conversations*2) {
			t.Errorf("before request %d, about %d of %d conversations are expected", n, expected, conversations)
		}
		source.ServeHTTP(w, r)
	}), newFake(), at(end))
	o.Progress = progress
	report, err := Run(t.Context(), o)
	if err != nil || requests.Load() < 5 || !report.FirstLoad {
		t.Fatalf("%v, %d requests, first load: %t", err, requests.Load(), report.FirstLoad)
	}
	if got := progress.Expected(); got != progress.Conversations() {
		t.Errorf("at the end %d of %d are expected", progress.Conversations(), got)
	}
	if report, err = Run(t.Context(), o); err != nil || report.FirstLoad {
		t.Errorf("the second run is a first load: %v", err)
	}
}

// panickingSource is a source that panics.
type panickingSource struct{}

func (panickingSource) List(context.Context, polyai.ListQuery) (*polyai.Page, error) {
	panic("made-up")
}

func TestRunFeedPanics(t *testing.T) {
	t.Parallel()
	destination := newFake()
	o := options(t, simulated(t, at(end), simulate.Deviations{}), destination, at(end))
	broken := o.Feeds[0]
	reader := *broken.Reader
	reader.Source = panickingSource{}
	broken.Reader, broken.ProjectID = &reader, "another"
	o.Feeds = append(o.Feeds, broken)
	report, err := Run(t.Context(), o)
	if err != nil || report.Status != warehouse.RunPartial || len(report.Errors) != 1 || !destination.closed {
		t.Fatalf("%s, %v, %v; the writer is closed: %v", report.Status, err, report.Errors, destination.closed)
	}
	if want := regexp.MustCompile(`^project another \(live\): panic with a string at progress_test\.go:\d+$`); !want.MatchString(report.Errors[0].Error()) {
		t.Errorf("the error is %v", report.Errors[0])
	}
	if report.Conversations.Inserted != conversations {
		t.Errorf("of the other feed %d were inserted", report.Conversations.Inserted)
	}
}

func TestTransformPanicIsReject(t *testing.T) {
	t.Parallel()
	_, _, err := rowsOf(polyai.Value(`{"id":"c-1","started_at":"2026-06-01T00:00:00Z"}`), nil, 0) // nil rules make it panic
	var caught *panics.Error
	if !errors.As(err, &caught) {
		t.Fatalf("got %v", err)
	}
}

func TestIsDestination(t *testing.T) {
	t.Parallel()
	away := &load.StateError{What: "the database", Err: errors.New("connection refused")}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false}, {errors.New("the key"), false}, {away, true}, {fmt.Errorf("run: %w", away), true},
		{errors.Join(errors.New("project p: 401"), &destinationError{errors.New("staging failed")}), true},
		{&load.LockedError{Where: "the lake"}, false}, {&load.TooNewError{}, false},
	} {
		if IsDestination(c.err) != c.want {
			t.Errorf("%v comes from the destination: %v", c.err, !c.want)
		}
	}
}
