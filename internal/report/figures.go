package report

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// summary returns the period that a row belongs to.
func (c *collector) summary(r record) *Summary {
	if r.boolean("is_current") {
		return c.report.Current
	}
	return c.report.Before
}

// addCounts adds a row of counts.sql.
func (c *collector) addCounts(r record) {
	counts := countsOf(r)
	switch part, current := r.text("part"), r.boolean("is_current"); {
	case part == "period":
		c.summary(r).Counts = counts
	case !current:
		if part == "day" {
			c.dayIsPartial[r.day()] = !r.boolean("is_complete")
		}
	case part == "day":
		c.days[r.day()] = &counts
		c.dayIsPartial[r.day()] = !r.boolean("is_complete")
	default:
		id, name := groupKey(r, part)
		groups := c.groups(part)
		*groups = append(*groups, Group{ID: id, Name: name, Counts: &counts})
	}
}

// groups returns the groups of a part of the statements.
func (c *collector) groups(part string) *[]Group {
	switch part {
	case "project":
		return &c.report.Projects
	case "channel":
		return &c.report.Channels
	case "variant":
		return &c.report.Variants
	}
	return &c.report.Deployments
}

func groupKey(r record, part string) (id, name *string) {
	switch part {
	case "project":
		return r.textOrNull("project_id"), nil
	case "channel":
		return r.textOrNull("channel_family"), nil
	case "variant":
		return r.textOrNull("variant_id"), r.textOrNull("variant_name")
	}
	return r.textOrNull("deployment_id"), nil
}

func countsOf(r record) Counts {
	c := Counts{
		Conversations:       r.integer("conversations"),
		Finished:            r.integer("finished"),
		Handoffs:            r.integer("handoffs"),
		HandoffKnown:        r.integer("handoff_known"),
		Contained:           r.integer("contained"),
		EarlyAbandons:       r.integer("early_abandons"),
		EarlyKnown:          r.integer("early_known"),
		ContainedNoCallback: r.integer("contained_no_callback"),
		CallbackKnown:       r.integer("callback_known"),
		DurationKnown:       r.integer("duration_known"),
		AgentDurationKnown:  r.integer("agent_duration_known"),
		AgentSeconds:        float64(r.integer("agent_micros")) / 1e6,
		Turns:               r.integer("turns"),
		UserTurns:           r.integer("user_turns"),
		SilentTurns:         r.integer("silent_turns"),
		SilenceKnownTurns:   r.integer("silence_known_turns"),
		OODTurns:            r.integer("ood_turns"),
		OODKnownTurns:       r.integer("ood_known_turns"),
	}
	for i, column := range []string{"latency_to_500ms", "latency_to_1s", "latency_to_1500ms", "latency_to_2s", "latency_to_3s", "latency_to_5s", "latency_over_5s"} {
		c.LatencyBuckets[i] = r.integer(column)
	}
	c.Open = c.Conversations - c.Finished
	c.HandoffRate = rate(c.Handoffs, c.HandoffKnown)
	c.ContainmentRate = rate(c.Contained, c.HandoffKnown)
	c.EarlyAbandonRate = rate(c.EarlyAbandons, c.EarlyKnown)
	c.ContainedNoCallbackRate = rate(c.ContainedNoCallback, c.CallbackKnown)
	c.AvgTotalSeconds = mean(float64(r.integer("total_micros"))/1e6, c.DurationKnown)
	c.AvgAgentSeconds = mean(c.AgentSeconds, c.AgentDurationKnown)
	c.SilenceRate = rate(c.SilentTurns, c.SilenceKnownTurns)
	c.OODRate = rate(c.OODTurns, c.OODKnownTurns)
	return c
}

// addLatency adds a row of latency.sql, after those of counts.sql.
func (c *collector) addLatency(r record) {
	found := Latency{r.integer("turns"), r.float("p50"), r.float("p90"), r.float("p95"), r.float("p99")}
	switch part, current := r.text("part"), r.boolean("is_current"); {
	case part == "period":
		c.summary(r).Latency = found
	case !current:
	case part == "day":
		c.dayLatency[r.day()] = found
	default:
		id, name := groupKey(r, part)
		groups := c.groups(part)
		same := func(g Group) bool { return equal(g.ID, id) && equal(g.Name, name) }
		if i := slices.IndexFunc(*groups, same); i >= 0 {
			(*groups)[i].Latency = &found
			return
		}
		*groups = append(*groups, Group{ID: id, Name: name, Latency: &found})
	}
}

func equal(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

// addContacts adds a row of contacts.sql.
func (c *collector) addContacts(r record) {
	n, summary := r.integer("conversations"), c.summary(r)
	switch r.text("part") {
	case "hour":
		if r.boolean("is_current") {
			c.report.Hours = append(c.report.Hours, HourCount{r.day(), r.integer("hour"), n})
		}
	case "turns":
		if r.text("outcome") == "open" {
			return
		}
		summary.Transcripts[r.text("transcript_status")] += n
		if r.boolean("is_current") && !r.isNull("turns") {
			c.addStep(r.integer("turns"), r.text("outcome"), n)
		}
	default:
		summary.addRepeat(r, n)
	}
}

func (s *Summary) addRepeat(r record, n int64) {
	outcome := r.text("outcome")
	i := slices.IndexFunc(s.Repeats, func(x Repeat) bool { return x.Outcome == outcome })
	if i < 0 {
		i = len(s.Repeats)
		s.Repeats = append(s.Repeats, Repeat{Outcome: outcome})
	}
	repeat := &s.Repeats[i]
	for _, within := range []struct {
		column       string
		known, again *int64
	}{{"repeat_within_24h", &repeat.Known24h, &repeat.Within24h}, {"repeat_within_7d", &repeat.Known7d, &repeat.Within7d}} {
		if !r.isNull(within.column) {
			*within.known += n
		}
		if r.boolean(within.column) {
			*within.again += n
		}
	}
}

// addStep counts conversations that ended with a turn.
func (c *collector) addStep(turn int64, outcome string, n int64) {
	for int64(len(c.report.DropOff)) <= turn {
		c.report.DropOff = append(c.report.DropOff, Step{Turn: int64(len(c.report.DropOff)), Outcome: map[string]int64{}})
	}
	step := &c.report.DropOff[turn]
	step.Ended += n
	step.Outcome[outcome] += n
}

// addReason adds a row of reasons.sql.
func (c *collector) addReason(r record) {
	reason, destination := r.textOrNull("handoff_reason"), r.textOrNull("handoff_destination")
	i := slices.IndexFunc(c.report.Reasons, func(x Reason) bool { return equal(x.Reason, reason) && equal(x.Destination, destination) })
	if i < 0 {
		i = len(c.report.Reasons)
		c.report.Reasons = append(c.report.Reasons, Reason{Reason: reason, Destination: destination})
	}
	if r.boolean("is_current") {
		c.report.Reasons[i].Handoffs = r.integer("handoffs")
	} else {
		c.report.Reasons[i].Before = r.integer("handoffs")
	}
}

// addQuality adds a row of quality.sql.
func (c *collector) addQuality(r record) {
	summary, n := c.summary(r), r.integer("conversations")
	if r.isNull("reason") {
		summary.Missing = n
		return
	}
	summary.Rejected = append(summary.Rejected, Rejected{r.text("reason"), n})
}

// addMetric adds a row of metrics.sql.
func (c *collector) addMetric(r record) {
	m := c.metrics[r.text("name")]
	if m == nil {
		m = &Metric{Name: r.text("name")}
		c.metrics[m.Name] = m
	}
	if !r.boolean("is_current") {
		m.Before += r.integer("conversations")
		return
	}
	m.Conversations += r.integer("conversations")
	m.Entries += r.integer("entries")
	m.TrueValues += r.integer("true_values")
	m.BooleanValues += r.integer("boolean_values")
	m.NumericValues += r.integer("numeric_values")
	if average := r.float("numeric_average"); average != nil {
		m.sums = append(m.sums, *average*float64(r.integer("numeric_values")))
	}
}

// finish completes the report: rates of sums, order, days and notes.
func (c *collector) finish() {
	r := c.report
	c.finishDays()
	reached := int64(0)
	for _, step := range slices.Backward(r.DropOff) {
		reached += step.Ended
		r.DropOff[step.Turn].Reached = reached
	}
	for _, name := range slices.Sorted(maps.Keys(c.metrics)) {
		m := c.metrics[name]
		m.TrueRate = rate(m.TrueValues, m.BooleanValues)
		m.NumericAverage = mean(sumInOrder(m.sums), m.NumericValues)
		r.Metrics = append(r.Metrics, *m)
	}
	slices.SortFunc(r.Metrics, func(a, b Metric) int {
		return cmp.Or(cmp.Compare(b.Conversations, a.Conversations), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(r.Hours, func(a, b HourCount) int { return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Hour, b.Hour)) })
	for _, groups := range []*[]Group{&r.Projects, &r.Channels, &r.Variants, &r.Deployments} {
		slices.SortFunc(*groups, compareGroups)
	}
	slices.SortFunc(r.Reasons, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(b.Handoffs, a.Handoffs), cmp.Compare(b.Before, a.Before), compareTexts(a.Reason, b.Reason), compareTexts(a.Destination, b.Destination))
	})
	for _, s := range []*Summary{r.Current, r.Before} {
		if s != nil {
			slices.SortFunc(s.Rejected, func(a, b Rejected) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason)) })
			slices.SortFunc(s.Repeats, func(a, b Repeat) int { return cmp.Compare(a.Outcome, b.Outcome) })
		}
	}
	r.Notes = c.notes()
}

// sumInOrder adds numbers in the order of their size: the result of a sum of doubles
// depends on the order, and the engines return rows in different ones.
func sumInOrder(numbers []float64) (sum float64) {
	for _, n := range slices.Sorted(slices.Values(numbers)) {
		sum += n
	}
	return sum
}

// finishDays lists the days of the period. A day that was not read has no figures, one
// without conversations has zeros.
func (c *collector) finishDays() {
	for _, day := range c.report.Period.each() {
		name := day.Format(time.DateOnly)
		d := DayFigures{Day: name, State: stateOf(c.report.Feeds, day), Counts: c.days[name], Latency: c.dayLatency[name]}
		switch {
		case d.Counts != nil && (c.dayIsPartial[name] || d.State == DayNotRead):
			d.State = DayPartial
		case d.Counts == nil && d.State != DayNotRead:
			d.Counts = &Counts{}
		}
		c.report.Days = append(c.report.Days, d)
	}
	if c.report.Current != nil && !slices.ContainsFunc(c.report.Days, func(d DayFigures) bool { return d.Counts != nil }) {
		c.report.Current = nil
	}
	if c.report.Before != nil && c.report.Before.Conversations == 0 && c.countDays(*c.report.Previous, DayNotRead) == c.report.Previous.Days() {
		c.report.Before = nil
	}
}

// countDays counts the days of a period that have a state.
func (c *collector) countDays(p Period, state string) (n int) {
	for _, day := range p.each() {
		s := stateOf(c.report.Feeds, day)
		if partial, found := c.dayIsPartial[day.Format(time.DateOnly)]; found && (partial || s == DayNotRead) {
			s = DayPartial
		}
		if s == state {
			n++
		}
	}
	return n
}

func compareGroups(a, b Group) int {
	size := func(g Group) int64 {
		switch {
		case g.Counts != nil:
			return g.Counts.Conversations
		case g.Latency != nil:
			return g.Latency.Turns
		}
		return 0
	}
	return cmp.Or(cmp.Compare(size(b), size(a)), compareTexts(a.ID, b.ID), compareTexts(a.Name, b.Name))
}

// compareTexts sorts nil last.
func compareTexts(a, b *string) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return cmp.Compare(*a, *b)
}
