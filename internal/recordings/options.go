package recordings

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"slices"
	"time"

	"convsync/internal/load"
	"convsync/internal/polyai"
	"convsync/internal/ratelimit"
	"convsync/internal/recordings/store"
	"convsync/internal/warehouse"
)

// Source returns recordings. [polyai.BuildClient] implements it.
type Source interface {
	// Audio requests a recording, whose body is streamed.
	Audio(ctx context.Context, r polyai.Recording) (*polyai.Audio, error)
	// Probe requests only the size and the beginning of a recording.
	Probe(ctx context.Context, r polyai.Recording, m polyai.ProbeMethod) (*polyai.AudioHead, error)
}

// Destination knows the recordings. Every [load.Destination] implements it.
type Destination interface {
	load.RecordingReader
	load.RecordingClaimer
}

// Project is a project whose recordings are worked on.
type Project struct {
	ID       string // as requested
	StoredID string
	// Environments are those whose conversations are stored.
	Environments []string
	Policy       Policy
	Source       Source // not needed in mode reference
	// Lane is the share of the rate of the project's key. Projects with the same
	// lane take turns, others are worked on concurrently.
	Lane *ratelimit.Lane
	// BaseURL is the host of the recordings. If it is empty, their URLs are NULL.
	BaseURL string
}

// Options configures [Run].
type Options struct {
	Projects    []Project
	Destination Destination
	// OpenStore opens the folder of the copies, when it is needed for the first
	// time. Its error means that the store is unavailable. nil: there is no store.
	OpenStore func() (*store.Store, error)
	Workers   int // recordings that are requested at the same time; 0: 2
	Owner     load.Owner
	Log       *slog.Logger // nil: no log
	Progress  *Progress    // nil: not needed
	// Hosts is what was learned of the hosts. A process keeps one. nil: a new one.
	Hosts *Hosts
	Clock func() time.Time // nil: time.Now
	// Recheck names values of availability. Recordings with one of them are due,
	// whatever their backoff.
	Recheck []string
	// Stop ends the run when it is closed: no further recording is requested, and
	// those in progress are completed. The end of the context of the run cancels them.
	Stop <-chan struct{}
	// Backoff is the wait before the first retry of a request; 0: 1 s.
	Backoff time.Duration
}

func (o *Options) setDefaults() {
	o.Workers = cmp.Or(o.Workers, 2)
	o.Backoff = cmp.Or(o.Backoff, time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.Progress == nil {
		o.Progress = new(Progress)
	}
	if o.Hosts == nil {
		o.Hosts = new(Hosts)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
}

// isStopped reports whether the run has to end.
func (o *Options) isStopped() bool {
	select {
	case <-o.Stop:
		return true
	default:
		return false
	}
}

// setDefaults completes a project. Its own lane has no limit.
func (p *Project) setDefaults() {
	p.Policy.Kinds = slices.Clone(p.Policy.Kinds)
	slices.SortFunc(p.Policy.Kinds, inOrder)
	p.Policy.Kinds = slices.Compact(p.Policy.Kinds)
	if p.Lane == nil {
		p.Lane = ratelimit.NewBudget(ratelimit.BudgetOptions{}).NewLane(1)
	}
}

// recordingOf names the recording of a reference for the source.
func (p *Project) recordingOf(a *warehouse.AudioReference) polyai.Recording {
	return polyai.Recording{
		ProjectID:      p.ID,
		ConversationID: a.ConversationID,
		Direction:      a.Direction,
		Redacted:       a.Redacted,
	}
}

// reasonPanic is the reason of a recording that this program cannot handle.
const reasonPanic = "panic"

// reasonNoHost is the reason of a row without a URL.
const reasonNoHost = "no_host"

// reference returns the row of a recording that was not checked yet.
func (p *Project) reference(c *load.RecordedConversation, k load.RecordingKind) warehouse.AudioReference {
	a := warehouse.AudioReference{
		ProjectID:      p.StoredID,
		ConversationID: c.ConversationID,
		Direction:      k.Direction,
		Redacted:       k.Redacted,
		StartedAt:      c.StartedAt,
		Availability:   warehouse.AudioUnknown,
	}
	if p.BaseURL == "" {
		a.Reason = reasonNoHost
	} else {
		a.URL = warehouse.Text(polyai.AudioURL(p.BaseURL, p.ID, a.ConversationID, a.Direction, a.Redacted))
	}
	return a
}

// nameOf names the copy of a recording in the store.
func nameOf(a *warehouse.AudioReference) store.Name {
	return store.Name{
		ConversationID: a.ConversationID,
		Direction:      a.Direction,
		Redacted:       a.Redacted,
		StartedAt:      a.StartedAt.Time(),
	}
}
