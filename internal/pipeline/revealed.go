package pipeline

import (
	"context"
	"time"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/warehouse"
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
	hidden := hiddenSpans(days, parts)
	if parts.Metrics {
		hidden = append(hidden, f.recent())
	}
	for i := range hidden {
		hidden[i] = hidden[i].Intersect(extract.Span{From: f.Start, Until: f.now})
	}
	f.Log.Info("the project shows again what it had hidden: these days are read again",
		"transcripts", parts.Transcripts, "metrics", parts.Metrics, "days", len(days))
	return f.readSpans(ctx, extract.Without(hidden, append(f.holeSpans(), f.wereRead...)))
}

// hiddenSpans are the days to be read. A day of which some conversations have
// metrics does not say that others hide theirs, as those do on which a project
// switched them off and on: of metrics the days beside are read, too.
func hiddenSpans(days []warehouse.Timestamp, parts load.Parts) []extract.Span {
	beside := extract.Second(0)
	if parts.Metrics {
		beside = secondsPerDay
	}
	spans := make([]extract.Span, len(days))
	for i, d := range days {
		from := extract.SecondOf(d.Time())
		spans[i] = extract.Span{From: from - beside, Until: from + secondsPerDay + beside}
	}
	return spans
}

// recent is what the lookback may have read a part of just now, with the days
// beside: these have metrics since, and are not told as hidden any more.
func (f *feedRun) recent() extract.Span {
	deepest := time.Duration(0)
	for _, tier := range f.Lookback {
		deepest = max(deepest, tier.Depth)
	}
	return extract.Span{From: f.sure - extract.Second(deepest.Seconds()) - 2*secondsPerDay, Until: f.now}
}

const secondsPerDay = 24 * 60 * 60
