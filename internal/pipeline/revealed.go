package pipeline

import (
	"context"

	"convsync/internal/extract"
)

// readRevealed reads again what was hidden where this run has not been, when
// this run or one before saw that the project shows it again; not while it
// hides all once more. That is settled when all of it was read.
func (f *feedRun) readRevealed(ctx context.Context) error {
	due := f.revealed.Any() || f.state.Revealed && f.shows
	if !due || f.kind() != KindIncremental {
		return nil
	}
	days, err := f.Destination.HiddenDays(ctx, f.Feed.Feed)
	if err != nil {
		return &destinationError{err}
	}
	var hidden []extract.Span
	for _, d := range days {
		from := extract.SecondOf(d.Time())
		hidden = append(hidden, extract.Span{From: max(from, f.Start), Until: min(from+secondsPerDay, f.now)})
	}
	spans := extract.Without(hidden, f.wereRead)
	f.Log.Info("the project shows again what it had hidden: these days are read again", "days", len(days))
	if err := f.readSpans(ctx, spans); err != nil || len(f.failed) > 0 {
		return err
	}
	st := f.newStretch(extract.Span{})
	st.hiddenRead = true
	return f.publish(ctx, st)
}

const secondsPerDay = 24 * 60 * 60
