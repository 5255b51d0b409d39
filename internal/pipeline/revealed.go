package pipeline

import (
	"context"

	"convsync/internal/extract"
)

// readRevealed reads again where transcripts are hidden and this run has not
// been, when it saw that the project shows again what it had hidden.
func (f *feedRun) readRevealed(ctx context.Context) error {
	if f.revealed == 0 {
		return nil
	}
	days, err := f.Destination.HiddenDays(ctx, f.Feed.Feed)
	if err != nil {
		return &destinationError{err}
	}
	var hidden []extract.Span
	for _, d := range days {
		from := extract.SecondOf(d.Time())
		hidden = append(hidden, extract.Span{From: from, Until: min(from+secondsPerDay, f.now)})
	}
	spans := extract.Without(hidden, f.wereRead)
	f.Log.Info("the project shows transcripts again that it had hidden: these days are read again",
		"project", f.ProjectID, "environment", f.Environment, "days", len(days))
	return f.readSpans(ctx, spans)
}

const secondsPerDay = 24 * 60 * 60
