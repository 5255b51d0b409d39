package recordings

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/polyai"
	"convsync/internal/simulate"
)

// gated is a source whose downloads wait.
type gated struct {
	Source
	begun   chan string
	release chan struct{}
}

func (g gated) Audio(ctx context.Context, r polyai.Recording) (*polyai.Audio, error) {
	g.begun <- r.ConversationID
	select {
	case <-g.release:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return g.Source.Audio(ctx, r)
}

// TestRun_Stop stops a run: the downloads in progress are completed and recorded.
func TestRun_Stop(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3*pageSize/2, simulate.Audio{}, storing(combined)) // more than one page
	g := gated{Source: w.options.Projects[0].Source, begun: make(chan string), release: make(chan struct{})}
	w.options.Projects[0].Source = g
	stop := make(chan struct{})
	w.options.Stop = stop
	done := make(chan *Report)
	go func() {
		r, _ := Run(t.Context(), w.options)
		done <- r
	}()
	begun := []string{<-g.begun, <-g.begun}
	close(stop)
	close(g.release)
	if r := <-done; r.Incomplete() || r.Total().Stored != 2 {
		t.Errorf("report %+v", r)
	}
	for _, id := range begun {
		w.checkStored(id, combined)
	}
	if s := w.state(); s.LastRunID == "" || !s.LastRunAt.Valid { // in serve, a backlog consists of such runs
		t.Errorf("state %+v", s)
	}
}

// TestRun_Cancel cancels a run: what was done is recorded.
func TestRun_Cancel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20, simulate.Audio{}, storing(combined))
	g := gated{Source: w.options.Projects[0].Source, begun: make(chan string), release: make(chan struct{})}
	w.options.Projects[0].Source = g
	w.options.Workers = 1
	ctx, cancel := context.WithCancel(t.Context())
	var r *Report
	done := make(chan error)
	go func() {
		var err error
		r, err = Run(ctx, w.options)
		done <- err
	}()
	first := <-g.begun
	g.release <- struct{}{}
	<-g.begun
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || r.Incomplete() || r.Total().Stored != 1 {
		t.Errorf("%v, report %+v", err, r)
	}
	w.checkStored(first, combined)
	if files := w.files(); len(files) != 1 {
		t.Errorf("files %v", files)
	}
}

// TestRun_Deadline ends a run by a deadline during a download: that is not recorded as
// a failure of the recording.
func TestRun_Deadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4, simulate.Audio{}, storing(combined))
	w.handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), polyai.Timeouts{})
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("the end"))
	defer cancel()
	r, err := Run(ctx, w.options)
	if !errors.Is(err, context.DeadlineExceeded) || r.Incomplete() {
		t.Errorf("%v, report %+v", err, r)
	}
	for _, id := range w.voice {
		if a := w.row(id, combined); a.CheckedAt.Valid {
			t.Errorf("row %+v", a)
		}
	}
}

// losing is a destination whose claim is lost when a download begins.
type losing struct {
	*memory.Destination
	lost chan error
}

type losingClaim struct {
	load.RecordingClaim
	lost chan error
}

func (l losing) ClaimRecordings(ctx context.Context, owner load.Owner, project string) (load.RecordingClaim, error) {
	claim, err := l.Destination.ClaimRecordings(ctx, owner, project)
	return losingClaim{claim, l.lost}, err
}

func (l losingClaim) Lost() <-chan error { return l.lost }

func TestRun_ClaimLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20, simulate.Audio{}, storing(combined))
	lost := make(chan error, 1)
	w.options.Destination = losing{w.memory, lost}
	g := gated{Source: w.options.Projects[0].Source, begun: make(chan string), release: make(chan struct{})}
	w.options.Projects[0].Source = g
	w.options.Workers = 1
	go func() {
		<-g.begun
		lost <- load.ErrLockLost
	}()
	if r, err := Run(t.Context(), w.options); err != nil || !errors.Is(r.Projects[0].Err, load.ErrLockLost) {
		t.Errorf("%v, report %+v", err, r)
	}
}
