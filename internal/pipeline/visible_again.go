package pipeline

import (
	"context"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// readVisibleAgain reads the hidden days that this run has not read yet, if this
// run or an earlier one found that the project's transcripts or metrics are visible
// again, and they are not all hidden once more. When all days were read, this is
// recorded as done.
func (f *feedRun) readVisibleAgain(ctx context.Context) error {
	if f.run.kind() != KindIncremental {
		return nil
	}
	var read load.Parts
	for due := f.partsDue(); due != read; due = f.partsDue() { // reading one part may find the other visible
		if err := f.readHidden(ctx, due); err != nil || len(f.failed) > 0 {
			return err
		}
		read = due
	}
	if read == (load.Parts{}) {
		return nil
	}
	st := f.newWindow(extract.Span{})
	st.hiddenRead = true
	return f.publish(ctx, st)
}

// partsDue returns the parts whose hidden days have to be read. An earlier run only
// records that something is visible again, and not which part.
func (f *feedRun) partsDue() load.Parts {
	if f.state.VisibleAgain && f.visible {
		return load.Parts{Transcripts: true, Metrics: true}
	}
	return f.visibleAgain.Parts()
}

// readHidden reads the days on which these parts are stored as hidden.
func (f *feedRun) readHidden(ctx context.Context, parts load.Parts) error {
	days, err := f.run.Destination.HiddenDays(ctx, f.feed.Feed, parts)
	if err != nil {
		return &destinationError{err}
	}
	hidden := hiddenSpans(days, parts)
	if parts.Metrics {
		hidden = append(hidden, f.recent())
	}
	for i := range hidden {
		hidden[i] = hidden[i].Intersect(extract.Span{From: f.feed.Start, Until: f.now})
	}
	f.log.Info("transcripts or metrics of the project are visible again: reading the days again on which they were hidden",
		"transcripts", parts.Transcripts, "metrics", parts.Metrics, "days", len(days))
	return f.readSpans(ctx, extract.Without(hidden, append(f.holeSpans(), f.wereRead...)))
}

// hiddenSpans returns the spans to read. A day on which metrics were switched off or
// on has conversations with metrics, and does not count as hidden. So for metrics
// the adjacent days are read, too.
func hiddenSpans(days []warehouse.Timestamp, parts load.Parts) []extract.Span {
	margin := extract.Second(0)
	if parts.Metrics {
		margin = extract.Day
	}
	spans := make([]extract.Span, len(days))
	for i, d := range days {
		from := secondOf(d)
		spans[i] = extract.Span{From: from - margin, Until: from + extract.Day + margin}
	}
	return spans
}

// recent returns the span of the lookback, with two more days. The lookback may just
// have read a part of these days, which therefore no longer count as hidden.
func (f *feedRun) recent() extract.Span {
	return extract.Span{From: f.deepestLookback() - 2*extract.Day, Until: f.now}
}
