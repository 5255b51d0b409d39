package load

import (
	"encoding/json"
	"slices"

	"convsync/internal/warehouse"
)

// UnknownEnvironment is the environment of a restored conversation if it is not
// known. A configured environment that lists the conversation replaces it.
const UnknownEnvironment = "unknown"

// Settle merges all copies that are stored under one id into one conversation:
// copies with different starts, and parts without a row, whose Conversation has
// only an id and a start. The first copy that has a row is kept, and parts that
// it lacks are taken from the others, as [Reconcile] keeps what the source hides.
// It returns nil if no copy has a row.
func Settle(copies []*warehouse.Rows, at warehouse.Timestamp, runID string) (kept *warehouse.Rows, changed bool) {
	copies = slices.Clone(copies)
	for _, r := range copies {
		tidy(r)
	}
	slices.SortStableFunc(copies, func(a, b *warehouse.Rows) int { return rank(b) - rank(a) })
	if len(copies) == 0 || !HasRow(copies[0]) {
		return nil, false
	}
	kept = copies[0]
	c := &kept.Conversation
	for _, other := range copies[1:] {
		if takeLacking(kept, other) {
			c.ContentHash = ""
		}
		if HasRow(other) {
			changed = true
			c.FirstSeenAt = min(c.FirstSeenAt, other.Conversation.FirstSeenAt)
		}
	}
	if c.ContentHash == "" {
		Reseal(kept, at, runID)
		changed = true
	}
	return kept, changed
}

// HasRow reports whether rows have their conversation's own row, and are not
// parts only.
func HasRow(r *warehouse.Rows) bool { return r.Conversation.Environment != "" }

func rank(r *warehouse.Rows) int {
	if HasRow(r) {
		return 1
	}
	return 0
}

// takeLacking copies to kept those parts of other of which it has none.
func takeLacking(kept, other *warehouse.Rows) (took bool) {
	c := &kept.Conversation
	if len(kept.Turns) == 0 && len(other.Turns) > 0 {
		kept.Turns, kept.Entities, took = slices.Clone(other.Turns), slices.Clone(other.Entities), true
		if c.TurnsLoaded != int64(len(kept.Turns)) {
			c.TranscriptStatus = warehouse.TranscriptHiddenKept
			warehouse.SummarizeLatency(c, kept.Turns)
		}
	}
	if len(kept.Metrics) == 0 && len(other.Metrics) > 0 {
		kept.Metrics, took = slices.Clone(other.Metrics), true
		if NoMetrics(c.Metrics) {
			c.Metrics = orElse(other.Conversation.Metrics, metricsOf(other.Metrics))
		}
	}
	for _, p := range warehouse.Parts {
		if p.AddsOnly() {
			before := p.Len(kept)
			p.Merge(kept, kept, other)
			took = took || p.Len(kept) > before
		}
	}
	took = mergeRecordings(kept, other) || took
	restart(kept)
	return took
}

// mergeRecordings merges what is known of the same recordings: checks and copies may
// have been recorded in either copy of the conversation.
func mergeRecordings(kept, other *warehouse.Rows) (changed bool) {
	for i := range kept.Audio {
		for j := range other.Audio {
			if RecordingKeyOf(&kept.Audio[i]).RecordingKind != RecordingKeyOf(&other.Audio[j]).RecordingKind {
				continue
			}
			merged := MergeRecording(kept.Audio[i], &RecordingResult{AudioReference: other.Audio[j]})
			changed = changed || merged != kept.Audio[i]
			kept.Audio[i] = merged
		}
	}
	return changed
}

func orElse(m, other warehouse.JSON) warehouse.JSON {
	if NoMetrics(m) {
		return other
	}
	return m
}

// metricsOf makes the metrics of a conversation from their rows, as text.
func metricsOf(rows []warehouse.Metric) warehouse.JSON {
	values := map[string][]string{}
	for _, m := range rows {
		values[m.Name] = append(values[m.Name], string(m.Value))
	}
	encoded, err := json.Marshal(values)
	if err != nil {
		panic(err) // text can always be encoded
	}
	canonical, _ := warehouse.Canonical(string(encoded))
	return canonical
}

// tidy sorts the parts by their keys and removes duplicates.
func tidy(r *warehouse.Rows) {
	for _, p := range warehouse.Parts {
		p.Tidy(r)
	}
}

// Reseal computes the counts and the hash of a conversation from its rows.
func Reseal(r *warehouse.Rows, at warehouse.Timestamp, runID string) {
	c := &r.Conversation
	tidy(r)
	c.TurnsLoaded = int64(len(r.Turns))
	c.ContentHash, c.UpdatedAt, c.RunID = r.Hash(), at, runID
}

// Restore adds to parts the row of a conversation that is known to have been
// stored with the id, start and environment of base. The conversation counts as
// missing until the source lists it again, which replaces it.
func Restore(parts *warehouse.Rows, base *warehouse.Conversation, at warehouse.Timestamp, runID string) {
	c := &parts.Conversation
	*c = *base
	c.ChannelFamily, c.Lifecycle, c.TranscriptStatus = "other", warehouse.LifecycleFinal, warehouse.TranscriptNone
	if len(parts.Turns) > 0 {
		c.TranscriptStatus = warehouse.TranscriptHiddenKept
		warehouse.SummarizeLatency(c, parts.Turns)
	}
	if len(parts.Metrics) > 0 {
		c.Metrics = metricsOf(parts.Metrics)
	}
	if c.FirstSeenAt == 0 {
		c.FirstSeenAt = at
	}
	if !c.MissingSince.Valid {
		c.MissingSince = warehouse.Some(at)
	}
	Reseal(parts, at, runID)
}

// FixLifecycle corrects a lifecycle that contradicts in_progress, and reports
// whether it did.
func FixLifecycle(c *warehouse.Conversation) bool {
	inProgress := c.InProgress.Valid && c.InProgress.V
	switch {
	case !inProgress && c.Lifecycle != warehouse.LifecycleFinal:
		c.Lifecycle = warehouse.LifecycleFinal
	case inProgress && c.Lifecycle != warehouse.LifecycleOpen && c.Lifecycle != warehouse.LifecycleAbandoned:
		c.Lifecycle = warehouse.LifecycleOpen
	default:
		return false
	}
	return true
}
