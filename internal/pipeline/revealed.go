package pipeline

import (
	"context"

	"convsync/internal/extract"
	"convsync/internal/load"
)

// readRevealed reads again what was hidden where this run has not been, when
// this run or one before saw that the project shows it again; not while it
// hides all once more. That is settled when all of it was read.
func (f *feedRun) readRevealed(ctx context.Context) error {
	if f.kind() != KindIncremental {
		return nil
	}
	var read load.Parts
	for due := f.shownAgain(); due != read; due = f.shownAgain() { // to read the one may show the other
		if err := f.readHidden(ctx, due); err != nil || len(f.failed) > 0 {
			return err
		}
		read = due
	}
	if read == (load.Parts{}) {
		return nil
	}
	st := f.newStretch(extract.Span{})
	st.hiddenRead = true
	return f.publish(ctx, st)
}

// shownAgain is what is to be read again. That a run before saw something is
// remembered, but not what.
func (f *feedRun) shownAgain() load.Parts {
	if f.state.Revealed && f.shows {
		return load.Parts{Transcripts: true, Metrics: true}
	}
	return f.revealed.Parts()
}

// readHidden reads the days on which these parts are hidden.
func (f *feedRun) readHidden(ctx context.Context, parts load.Parts) error {
	days, err := f.Destination.HiddenDays(ctx, f.Feed.Feed, parts)
	if err != nil {
		return &destinationError{err}
	}
	var hidden []extract.Span
	for _, d := range days {
		from := extract.SecondOf(d.Time())
		hidden = append(hidden, extract.Span{From: max(from, f.Start), Until: min(from+secondsPerDay, f.now)})
	}
	f.Log.Info("the project shows again what it had hidden: these days are read again",
		"transcripts", parts.Transcripts, "metrics", parts.Metrics, "days", len(days))
	return f.readSpans(ctx, extract.Without(hidden, f.wereRead))
}

const secondsPerDay = 24 * 60 * 60
