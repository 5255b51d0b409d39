package load

import (
	"slices"

	"convsync/internal/warehouse"
)

// Reconcile changes in, a conversation as the source returned it, to what has to
// be stored. stored is what is stored of it, nil if it is new. It reports whether
// anything has to be written. It computes in.Conversation.ContentHash again if it
// kept stored parts.
//
// Hidden is not deleted: a part that the source returns empty (turns, entities,
// metrics) never replaces a stored one.
func Reconcile(in, stored *warehouse.Rows, at warehouse.Timestamp, runID string) (write bool) {
	c := &in.Conversation
	c.FirstSeenAt, c.UpdatedAt, c.RunID = at, at, runID
	if stored == nil {
		return true
	}
	old := &stored.Conversation
	c.FirstSeenAt = old.FirstSeenAt
	kept := keepTurns(in, stored) || keepEntities(in, stored)
	kept = keepMetrics(in, stored) || kept
	for _, p := range warehouse.Parts {
		if p.AddsOnly() {
			p.Merge(in, stored, in)
			p.Bind(in) // the start may have been corrected
		}
	}
	if kept {
		restart(in)
		c.ContentHash = in.Hash()
	}
	if c.ContentHash == old.ContentHash {
		c.UpdatedAt = old.UpdatedAt
		return c.Lifecycle != old.Lifecycle || old.MissingSince.Valid
	}
	return true
}

// keepTurns keeps the stored turns, with their entities, when the source returned
// no transcript, whatever num_turns says.
func keepTurns(in, stored *warehouse.Rows) bool {
	switch {
	case len(stored.Turns) == 0 || hasText(in.Turns):
		return false
	case len(in.Turns) > 0 && !hasText(stored.Turns):
		return false // nothing that was visible is hidden now
	}
	c, old := &in.Conversation, &stored.Conversation
	in.Turns, in.Entities = slices.Clone(stored.Turns), slices.Clone(stored.Entities)
	c.TurnsLoaded = int64(len(in.Turns))
	c.TranscriptStatus = warehouse.TranscriptHiddenKept
	c.LatencyTurns = old.LatencyTurns
	c.LatencyAvgSeconds, c.LatencyMaxSeconds = old.LatencyAvgSeconds, old.LatencyMaxSeconds
	c.LatencyP50Seconds, c.LatencyP95Seconds = old.LatencyP50Seconds, old.LatencyP95Seconds
	return true
}

// hasText reports whether any turn has text. Turns without any text are another
// form of a hidden transcript.
func hasText(turns []warehouse.Turn) bool {
	return slices.ContainsFunc(turns, func(t warehouse.Turn) bool {
		return t.UserInput != "" || t.AgentResponse != "" || t.UserInputDTMF != "" || t.TranslatedUserInput != "" || t.EnglishAgentResponse != ""
	})
}

// keepEntities keeps stored entities when the source returned turns without any
// entity. It keeps only those of turns that still have the same input, since an
// entity describes that input.
func keepEntities(in, stored *warehouse.Rows) (kept bool) {
	if len(in.Entities) > 0 || len(stored.Entities) == 0 {
		return false
	}
	inputs := make(map[int64]warehouse.Text, len(stored.Turns))
	for i := range stored.Turns {
		inputs[stored.Turns[i].TurnIndex] = stored.Turns[i].UserInput
	}
	same := make(map[int64]bool, len(in.Turns))
	for i := range in.Turns {
		input, known := inputs[in.Turns[i].TurnIndex]
		same[in.Turns[i].TurnIndex] = known && input == in.Turns[i].UserInput
	}
	for _, e := range stored.Entities {
		if same[e.TurnIndex] {
			in.Entities = append(in.Entities, e)
		}
	}
	return len(in.Entities) > 0
}

// keepMetrics keeps the stored metrics when the source returned none.
func keepMetrics(in, stored *warehouse.Rows) bool {
	had := stored.Conversation.Metrics != "" && stored.Conversation.Metrics != "{}"
	if !had || !NoMetrics(in.Conversation.Metrics) {
		return false
	}
	in.Conversation.Metrics = stored.Conversation.Metrics
	in.Metrics = slices.Clone(stored.Metrics)
	return true
}

// NoMetrics reports whether a value has no metrics, in any of the forms that the
// source uses for that.
func NoMetrics(m warehouse.JSON) bool {
	switch m {
	case "", "{}", "[]", "null", `""`:
		return true
	}
	return false
}

// restart gives kept rows the conversation's start, which may have been corrected.
func restart(r *warehouse.Rows) {
	for _, p := range warehouse.Parts {
		p.Bind(r)
	}
}
