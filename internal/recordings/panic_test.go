package recordings

import (
	"context"
	"testing"

	"convsync/internal/load"
	"convsync/internal/polyai"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// panicking panics with each recording of a conversation.
type panicking struct {
	Source
	id string
}

func (p panicking) Audio(ctx context.Context, r polyai.Recording) (*polyai.Audio, error) {
	if r.ConversationID == p.id {
		panic("made up")
	}
	return p.Source.Audio(ctx, r)
}

// TestRun_Panic checks that a panic harms one recording only, or the work on one
// project.
func TestRun_Panic(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 6, simulate.Audio{}, storing(combined))
	w.memory.Edit(noProbe)
	w.options.Projects[0].Source = panicking{w.options.Projects[0].Source, w.voice[0]}
	if r := w.run(); r.Total().Stored != int64(len(w.voice)-1) {
		t.Errorf("counts %+v", r.Total())
	}
	if a := w.row(w.voice[0], combined); a.Availability != warehouse.AudioFailed || a.Reason != reasonPanic || !a.NextCheckAt.Valid {
		t.Errorf("row %+v", a)
	}
	w.options.Destination = panickingBacklog{w.memory}
	if r, err := Run(t.Context(), w.options); err != nil || !r.Incomplete() {
		t.Errorf("%v, report %+v", err, r)
	}
	w.options.Destination = w.memory
	w.run() // the claim was given up
}

type panickingBacklog struct{ Destination }

func (panickingBacklog) Backlog(context.Context, string, load.Backlog) ([]load.RecordedConversation, error) {
	panic("made up")
}

// TestRun_Estimate counts what is due only if there is a backlog.
func TestRun_Estimate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 60, simulate.Audio{}, checking(combined))
	counted := &countedCounts{Destination: w.memory}
	w.options.Destination, w.options.Progress = counted, new(Progress)
	w.run()
	if due := w.options.Progress.SoFar(w.now()).Due; counted.n != 0 || due != int64(len(w.voice)) {
		t.Errorf("counted %d times, %d are due", counted.n, due)
	}
	w = newWorld(t, 3*pageSize/2, simulate.Audio{}, checking(combined))
	if len(w.voice) <= pageSize {
		t.Fatalf("%d recordings are no backlog", len(w.voice))
	}
	counted = &countedCounts{Destination: w.memory}
	w.options.Destination, w.options.Progress = counted, new(Progress)
	w.run()
	if due := w.options.Progress.SoFar(w.now()).Due; counted.n != 1 || due != int64(len(w.voice)) {
		t.Errorf("counted %d times, %d are due", counted.n, due)
	}
}

type countedCounts struct {
	Destination
	n int
}

func (c *countedCounts) RecordingCounts(ctx context.Context, kinds map[string][]load.RecordingKind) (map[string]load.RecordingCounts, error) {
	c.n++
	return c.Destination.RecordingCounts(ctx, kinds)
}
