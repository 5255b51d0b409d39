package simulate

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"time"
)

// Truth is a conversation as a correct warehouse stores it: its rows by column name,
// without the columns that loading sets (content_hash, shape, first_seen_at,
// updated_at, run_id, missing_since, api_version).
//
// Values are nil for NULL, string, int64, float64, bool, time.Time (UTC),
// []string, and [JSON].
type Truth struct {
	ID           string
	Index        int // for [Simulator.Override]; 0 is the oldest
	Conversation map[string]any
	Turns        []map[string]any // in their order
	Entities     []map[string]any // by turn, then name, then ordinal
	Metrics      []map[string]any // by name, then ordinal
}

// JSON is a JSON document that has to be compared by value: members in any order,
// numbers exactly by their value.
type JSON string

// openLimit is the age from which a conversation in progress counts as abandoned.
const openLimit = 7 * 24 * time.Hour

// Truth yields the conversations of a project's environment, newest first, as a
// warehouse stores them that read everything at a moment of server time. It assumes
// requests with the IDs of project and account and with latency, and no privacy
// rules.
func (s *Simulator) Truth(projectID, environmentName string, asOf time.Time) iter.Seq[*Truth] {
	return func(yield func(*Truth) bool) {
		var c conversation
		for e := range s.named(projectID, environmentName) {
			for h := range e.listed(asOf) {
				if h.unreadable || h.poison.isLost() {
					continue
				}
				c.fill(e, h, asOf.UnixMicro())
				if !yield(c.truth()) {
					return
				}
			}
		}
	}
}

// Unreadable returns the number of listed values at a moment that are not
// conversations. Each of them must become a reject.
func (s *Simulator) Unreadable(projectID, environmentName string, asOf time.Time) int {
	n := 0
	for e := range s.named(projectID, environmentName) {
		for h := range e.listed(asOf) {
			if h.unreadable || h.poison == PoisonNaN || h.poison == PoisonLineBreak {
				n++
			}
		}
	}
	return n
}

// named yields the environments with a name of a project, given by its ID or alias.
func (s *Simulator) named(projectID, name string) iter.Seq[*environment] {
	return func(yield func(*environment) bool) {
		for _, e := range s.environments {
			if is(projectID, e.project.ID, e.project.Alias) && e.name == name && !yield(e) {
				return
			}
		}
	}
}

// listed yields the listed conversations at a moment, newest first.
func (e *environment) listed(asOf time.Time) iter.Seq[head] {
	l := list{query: &query{from: -noEnd, to: noEnd, before: math.MaxInt}, environment: e, now: asOf.UnixMicro()}
	return l.heads()
}

func (c *conversation) truth() *Truth {
	t := &Truth{ID: c.id, Index: c.index}
	if c.hiddenTurns == notHidden {
		for i := range c.turns {
			t.Turns = append(t.Turns, c.turnTruth(i))
			t.Entities = append(t.Entities, c.entityTruth(i)...)
		}
	}
	if !c.hiddenMetrics {
		for i := range c.metrics {
			t.Metrics = append(t.Metrics, c.metricTruth(&c.metrics[i])...)
		}
		slices.SortStableFunc(t.Metrics, func(a, b map[string]any) int {
			return cmp.Compare(a["name"].(string), b["name"].(string))
		})
	}
	t.Conversation = c.conversationTruth(len(t.Turns))
	c.addLatency(t)
	return t
}

func (c *conversation) conversationTruth(loaded int) map[string]any {
	total := c.totalDuration.float()
	row := map[string]any{
		"account_id": c.environment.project.AccountID, "project_id": c.environment.project.ID,
		"conversation_id": c.id, "environment": c.environment.name,
		"channel": orNil(c.channel.name), "channel_family": c.channel.family.String(), "direction": c.direction(),
		"variant_id": orNil(c.variant.id), "variant_name": orNil(c.variant.name),
		"from_number": orNil(c.from), "to_number": orNil(c.to), "customer_number": c.customer,
		"language": nil, "deployment_id": nil, "poly_score": nil, "summary_heading": nil, "summary": nil, "tags": nil,
		"started_at": timeOf(c.start), "finished_at": c.finished(total),
		"in_progress": c.inProgress.value(), "lifecycle": c.lifecycle(),
		"total_duration_seconds": total, "polyai_duration_seconds": c.agentDuration.float(),
		"num_turns": c.numTurns.integer(), "turns_loaded": int64(loaded), "transcript_status": c.transcriptStatus(loaded),
		"handoff": c.handoffSaid.value(), "handoff_reason": orNil(c.reason), "handoff_destination": orNil(c.destination),
		"num_silences": c.numSilences.integer(), "num_ood": c.numOOD.integer(),
		"note": orNil(c.note), "metrics": JSON(c.appendMetrics(nil, stored)), "state": JSON(c.appendState(nil, stored)),
		"extra": c.conversationExtra(),
	}
	if s := c.scored; s != nil {
		row["poly_score"], row["summary_heading"], row["summary"] = s.polyScore, s.heading, s.summary
		row["language"], row["deployment_id"] = s.language, s.deployment
		if s.tags != nil {
			row["tags"] = s.tags
		}
	}
	return row
}

func (c *conversation) direction() any {
	switch {
	case c.scored != nil && c.scored.direction != nil:
		return c.scored.direction
	case c.outbound:
		return "outbound"
	}
	return nil
}

func (c *conversation) finished(total any) any {
	seconds, known := total.(float64)
	if c.inProgress == yes || !known {
		return nil
	}
	return timeOf(c.start + int64(seconds*1e6))
}

func (c *conversation) lifecycle() string {
	switch {
	case c.inProgress != yes:
		return "final"
	case c.start < c.now-openLimit.Microseconds():
		return "abandoned"
	}
	return "open"
}

func (c *conversation) transcriptStatus(loaded int) string {
	said, known := c.numTurns.integer().(int64)
	switch {
	case loaded == 0 && known && said > 0:
		return "hidden"
	case loaded == 0:
		return "none"
	case known && int64(loaded) < said:
		return "short"
	}
	return "complete"
}

// conversationExtra returns the values without a column: unknown fields, the identity
// if it differs from the requested one, and values that could not be read.
func (c *conversation) conversationExtra() any {
	var members []byte
	add := func(name, value string) {
		members = append(append(appendQuoted(append(members, ','), name), ':'), value...)
	}
	for i := range c.extra {
		add(c.extra[i].name, c.extra[i].side(stored))
	}
	p := &c.environment.project
	for _, claim := range [...][3]string{{"account_id", c.accountID, p.AccountID}, {"project_id", c.projectID, p.ID}, {"environment", c.envName, c.environment.name}} {
		if claim[1] != "" && claim[1] != claim[2] {
			add(claim[0], string(appendQuoted(nil, claim[1])))
		}
	}
	for _, n := range [...]struct {
		name string
		number
	}{{"num_turns", c.numTurns}, {"total_duration", c.totalDuration}, {"num_silences", c.numSilences}} {
		if n.form == numberUnread {
			add(n.name, `"`+unreadNumber+`"`)
		}
	}
	return object(members)
}

// object makes an object of members that each begin with a comma; NULL if there are
// none.
func object(members []byte) any {
	if len(members) == 0 {
		return nil
	}
	members[0] = '{'
	return JSON(append(members, '}'))
}

// addLatency sets the columns that summarize the latency of the visible turns.
func (c *conversation) addLatency(t *Truth) {
	var seconds []float64
	sum := 0.0
	for i := range t.Turns {
		if l := &c.turns[i].latency; l.known() {
			seconds = append(seconds, l.seconds())
			sum += l.seconds()
		}
	}
	row := t.Conversation
	row["latency_turns"] = int64(len(seconds))
	for _, name := range [...]string{"latency_avg_seconds", "latency_p50_seconds", "latency_p95_seconds", "latency_max_seconds"} {
		row[name] = nil
	}
	if len(seconds) == 0 {
		return
	}
	slices.Sort(seconds)
	rank := func(percent int) float64 { return seconds[(percent*len(seconds)+99)/100-1] }
	row["latency_avg_seconds"] = sum / float64(len(seconds))
	row["latency_p50_seconds"], row["latency_p95_seconds"], row["latency_max_seconds"] = rank(50), rank(95), rank(100)
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func timeOf(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

func (b boolean) value() any {
	if b == unsaid {
		return nil
	}
	return b == yes
}

func (n number) float() any {
	if n.form == numberNull || n.form == numberUnread {
		return nil
	}
	return n.value
}

func (n number) integer() any {
	if n.form == numberNull || n.form == numberUnread {
		return nil
	}
	return int64(n.value)
}

func (m moment) value() any {
	if m.form == timeNull || m.form == timeUnread {
		return nil
	}
	return timeOf(m.at)
}

func (l latency) known() bool { return l.form != latencyNull && l.form != latencyAbsent }
