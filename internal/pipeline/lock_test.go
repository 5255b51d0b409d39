package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"convsync/internal/load"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// losing is a destination whose writer loses its lock as scripted.
type losing struct {
	*fake
	lost chan error
}

type losingWriter struct {
	*fakeWriter
	lost chan error
}

func (w *losingWriter) Lost() <-chan error { return w.lost }

func (l *losing) Begin(ctx context.Context, owner load.Owner, projects ...string) (load.Writer, error) {
	w, err := l.fake.Begin(ctx, owner, projects...)
	return &losingWriter{w.(*fakeWriter), l.lost}, err
}

// Rejects does not end by itself.
func (l *losing) Rejects(ctx context.Context, _ load.Feed, _ func(*warehouse.Reject) error) error {
	l.lost <- errScriptedLoss
	<-ctx.Done()
	return ctx.Err()
}

var errScriptedLoss = &load.StateError{What: "the made-up destination", Err: load.ErrLockLost, Hint: "run again"}

func TestLockLost(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(context.Context, Options) (*Report, error){"Run": Run, "Replay": Replay} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &losing{newFake(), make(chan error, 1)}
			// The source never answers.
			source := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				l.lost <- errScriptedLoss
				<-r.Context().Done()
			})
			report, err := run(t.Context(), options(t, source, l, at(end)))
			if !errors.Is(err, load.ErrLockLost) || strings.Count(err.Error(), "lock was lost") != 1 || errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			if report.Status != warehouse.RunFailed || len(l.runs()) != 1 || l.runs()[0].Status != warehouse.RunFailed || !strings.Contains(string(l.runs()[0].Error), "lock was lost") {
				t.Errorf("the report is %+v, recorded are %+v", report, l.runs())
			}
			if !l.closed {
				t.Error("the writer was not closed")
			}
		})
	}
}

// endingDestination is a destination whose writer returns the error that ended it again.
type endingWriter struct{ *fakeWriter }

func (w endingWriter) Finish(context.Context, *warehouse.SyncRun) error { return w.failStage }

type endingDestination struct{ *fake }

func (d endingDestination) Begin(ctx context.Context, owner load.Owner, projects ...string) (load.Writer, error) {
	w, err := d.fake.Begin(ctx, owner, projects...)
	return endingWriter{w.(*fakeWriter)}, err
}

func TestEndedWriter(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.failStage = &load.StateError{What: "the made-up destination", Err: errDestination}
	report, err := Run(t.Context(), options(t, simulated(t, at(end), simulate.Deviations{}), endingDestination{f}, at(end)))
	if !errors.Is(err, errDestination) || strings.Count(err.Error(), "out of order") != 1 || len(report.Errors) != 1 {
		t.Errorf("got %v, reported %v", err, report.Errors)
	}
}

// busy is a destination that becomes free when the wait was logged.
type busy struct {
	*fake
	logged chan struct{}
}

func (b busy) Begin(ctx context.Context, owner load.Owner, projects ...string) (load.Writer, error) {
	<-b.logged
	return b.fake.Begin(ctx, owner, projects...)
}

func TestLockWait(t *testing.T) {
	t.Parallel()
	b := busy{newFake(), make(chan struct{})}
	o := options(t, simulated(t, at(end), simulate.Deviations{}), b, at(end))
	o.Log = slog.New(slog.NewTextHandler(signal{"waiting for the destination", b.logged}, nil))
	if report, err := Run(t.Context(), o); err != nil || report.Status != warehouse.RunSucceeded {
		t.Errorf("got %+v, %v", report, err)
	}
}

// signal is a writer for logs that closes a channel when a text is logged.
type signal struct {
	text   string
	logged chan struct{}
}

func (s signal) Write(line []byte) (int, error) {
	if strings.Contains(string(line), s.text) {
		close(s.logged)
	}
	return len(line), nil
}
