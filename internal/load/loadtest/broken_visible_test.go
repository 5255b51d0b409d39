package loadtest

import (
	"slices"

	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/warehouse"
)

// changeVisible applies the faults of data that is visible again.
func (p *publishing) changeVisible(d *memory.Data) {
	switch p.fault {
	case visibleAlways, visibleKept, visibleOpen, visibleLate, visibleLateMetrics, visibleElsewhere, keptIsShown, silentIsShown:
		p.counts.VisibleAgain = load.VisibleAgain{}
		for id := range p.staged {
			if was, is := p.before.Conversations[id], d.Conversations[id]; was != nil && Diff(was, is) != "" {
				p.countVisible(&was.Conversation, &is.Conversation)
			}
		}
	case forgetsVisibleAgain:
		if !p.asked.HiddenRead {
			d.VisibleAgain = p.before.VisibleAgain
		}
	case settlesElsewhere:
		d.VisibleAgain = slices.DeleteFunc(d.VisibleAgain, func(r warehouse.Reveal) bool {
			return p.asked.HiddenRead && r.ProjectID == p.asked.Feed.ProjectID
		})
	}
}

func (p *publishing) countVisible(was, is *warehouse.Conversation) {
	if p.transcriptVisibleAgain(was, is) {
		p.counts.VisibleAgain.Transcripts++
	}
	hadMetrics := !load.NoMetrics(was.Metrics)
	if was.Lifecycle != warehouse.LifecycleFinal || hadMetrics || load.NoMetrics(is.Metrics) {
		return
	}
	if p.fault == visibleLateMetrics || !p.dayHas(was, func(c *warehouse.Conversation) bool { return !load.NoMetrics(c.Metrics) }) {
		p.counts.VisibleAgain.Metrics++
	}
}

// transcriptVisibleAgain reports whether the hidden transcript of an ended
// conversation is visible on a day on which no other transcript is.
func (p *publishing) transcriptVisibleAgain(was, is *warehouse.Conversation) bool {
	isHidden := load.IsHidden(is)
	switch p.fault {
	case visibleAlways:
		return !isHidden
	case visibleKept:
		isHidden = is.TranscriptStatus == warehouse.TranscriptHidden
	}
	ended := was.Lifecycle == warehouse.LifecycleFinal || p.fault == visibleOpen
	if !ended || !load.IsHidden(was) || isHidden || is.TurnsLoaded == 0 {
		return false
	}
	return p.fault == visibleLate || !p.dayHas(was, func(c *warehouse.Conversation) bool {
		switch p.fault {
		case keptIsShown:
			return c.TurnsLoaded > 0
		case silentIsShown:
			return !load.IsHidden(c)
		}
		return load.ShowsTranscript(c)
	})
}

// dayHas reports whether the condition was true for any stored conversation of
// the same feed and day.
func (p *publishing) dayHas(of *warehouse.Conversation, such func(*warehouse.Conversation) bool) bool {
	for _, r := range p.before.Conversations {
		c := &r.Conversation
		feed := c.ProjectID == of.ProjectID && (c.Environment == of.Environment || p.fault == visibleElsewhere)
		if feed && midnight(c.StartedAt) == midnight(of.StartedAt) && such(c) {
			return true
		}
	}
	return false
}
