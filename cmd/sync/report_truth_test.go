//go:build cgo

package main

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"convsync/internal/report"
)

// truth computes a report from the answers of the API, without SQL.
type truth struct {
	all       []*rawCall
	zone      *time.Location
	watermark time.Time
}

func (w *truth) counts(calls []*rawCall) (n report.Counts) {
	total, agent := 0.0, 0.0
	for _, c := range calls {
		n.Conversations++
		for _, turn := range c.Turns {
			n.Turns++
			n.SilentTurns, n.SilenceKnownTurns = tally(turn.IsSilence, n.SilentTurns, n.SilenceKnownTurns)
			n.OODTurns, n.OODKnownTurns = tally(turn.IsOOD, n.OODTurns, n.OODKnownTurns)
		}
		n.UserTurns += c.userTurns()
		for _, l := range c.latencies() {
			i, _ := slices.BinarySearch([]float64{0.5, 1, 1.5, 2, 3, 5}, l)
			n.LatencyBuckets[i]++
		}
		if !c.finished() {
			n.Open++
			continue
		}
		n.Finished++
		n.Handoffs, n.HandoffKnown = tally(c.Handoff, n.Handoffs, n.HandoffKnown)
		n.EarlyAbandons, n.EarlyKnown = tally(c.early(), n.EarlyAbandons, n.EarlyKnown)
		if c.TotalDuration != nil {
			n.DurationKnown, total = n.DurationKnown+1, total+*c.TotalDuration
		}
		if c.PolyAIDuration != nil {
			n.AgentDurationKnown, agent = n.AgentDurationKnown+1, agent+*c.PolyAIDuration
		}
		if c.Handoff != nil && c.early() != nil && c.customer != "" && w.dayAfterIsRead(c.day) {
			n.CallbackKnown++
			if gap := c.next(w.all); !*c.Handoff && !*c.early() && (gap == 0 || gap > 24*time.Hour) {
				n.ContainedNoCallback++
			}
		}
	}
	n.Contained = n.HandoffKnown - n.Handoffs
	n.AgentSeconds = agent
	n.HandoffRate, n.ContainmentRate, n.EarlyAbandonRate = share(n.Handoffs, n.HandoffKnown), share(n.Contained, n.HandoffKnown), share(n.EarlyAbandons, n.EarlyKnown)
	n.ContainedNoCallbackRate = share(n.ContainedNoCallback, n.CallbackKnown)
	n.SilenceRate, n.OODRate = share(n.SilentTurns, n.SilenceKnownTurns), share(n.OODTurns, n.OODKnownTurns)
	n.AvgTotalSeconds, n.AvgAgentSeconds = ratio(total, n.DurationKnown), ratio(agent, n.AgentDurationKnown)
	return n
}

func tally(v known, part, whole int64) (newPart, newWhole int64) {
	if v == nil {
		return part, whole
	}
	if *v {
		part++
	}
	return part, whole + 1
}

func share(part, whole int64) *float64 { return ratio(float64(part), whole) }

func ratio(sum float64, n int64) *float64 {
	if n == 0 {
		return nil
	}
	v := sum / float64(n)
	return &v
}

// dayAfterIsRead reports whether the 24 hours after a day were read.
func (w *truth) dayAfterIsRead(day string) bool {
	midnight, _ := time.ParseInLocation(time.DateOnly, day, w.zone)
	return !midnight.AddDate(0, 0, 1).Add(24 * time.Hour).After(w.watermark)
}

func latencyOf(calls []*rawCall) report.Latency {
	var all []float64
	for _, c := range calls {
		all = append(all, c.latencies()...)
	}
	slices.Sort(all)
	rank := func(p int) *float64 {
		if len(all) == 0 {
			return nil
		}
		return &all[(p*len(all)+99)/100-1]
	}
	return report.Latency{
		Turns: int64(len(all)),
		P50:   rank(50),
		P90:   rank(90),
		P95:   rank(95),
		P99:   rank(99),
	}
}

func (w *truth) summary(calls []*rawCall) *report.Summary {
	s := &report.Summary{Counts: w.counts(calls), Latency: latencyOf(calls), Transcripts: map[string]int64{}}
	repeats := map[string]*report.Repeat{}
	for _, c := range calls {
		if c.finished() {
			s.Transcripts[c.transcript()]++
		}
		r := repeats[c.outcome()]
		if r == nil {
			r = &report.Repeat{Outcome: c.outcome()}
			repeats[r.Outcome] = r
		}
		gap := c.next(w.all)
		again := func(within time.Duration, known, back *int64) {
			switch {
			case c.start.Add(within).After(w.watermark): // a repeat may be known, but not that there was none
			case gap > 0 && gap <= within:
				*known, *back = *known+1, *back+1
			case c.customer != "":
				*known++
			}
		}
		again(24*time.Hour, &r.Known24h, &r.Within24h)
		again(7*24*time.Hour, &r.Known7d, &r.Within7d)
	}
	for _, outcome := range slices.Sorted(maps.Keys(repeats)) {
		s.Repeats = append(s.Repeats, *repeats[outcome])
	}
	return s
}

// grouped returns conversations by a key.
func groupedBy(calls []*rawCall, key func(*rawCall) string) map[string][]*rawCall {
	groups := map[string][]*rawCall{}
	for _, c := range calls {
		groups[key(c)] = append(groups[key(c)], c)
	}
	return groups
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// report returns the figures of a period.
func (w *truth) report(from, to, before string) reported {
	in := func(from, to string) (calls []*rawCall) {
		for _, c := range w.all {
			if c.day >= from && c.day < to {
				calls = append(calls, c)
			}
		}
		return calls
	}
	now, past := in(from, to), in(before, from)
	r := reported{Current: w.summary(now), Before: w.summary(past)}
	byDay := groupedBy(now, func(c *rawCall) string { return c.day })
	for day, _ := time.Parse(time.DateOnly, from); day.Format(time.DateOnly) < to; day = day.AddDate(0, 0, 1) {
		name := day.Format(time.DateOnly)
		n := w.counts(byDay[name])
		r.Days = append(r.Days, report.DayFigures{Day: name, State: "complete", Counts: &n, Latency: latencyOf(byDay[name])})
		byHour := groupedBy(byDay[name], func(c *rawCall) string { return fmt.Sprintf("%02d", c.hour) })
		for _, hour := range slices.Sorted(maps.Keys(byHour)) {
			r.Hours = append(r.Hours, report.HourCount{Day: name, Hour: byHour[hour][0].hour, Conversations: int64(len(byHour[hour]))})
		}
	}
	group := func(calls []*rawCall, id, name string) report.Group {
		n := w.counts(calls)
		return report.Group{ID: orNull(id), Name: orNull(name), Counts: &n}
	}
	r.Projects = []report.Group{group(now, "acme-team-4", "")}
	for _, calls := range groupedBy(now, func(c *rawCall) string { return c.family() }) {
		r.Channels = append(r.Channels, group(calls, calls[0].family(), ""))
	}
	for _, calls := range groupedBy(now, func(c *rawCall) string { return c.VariantID + "\n" + c.VariantName }) {
		g, found := group(calls, calls[0].VariantID, calls[0].VariantName), latencyOf(calls)
		if found.Turns > 0 {
			g.Latency = &found
		}
		r.Variants = append(r.Variants, g)
	}
	for _, groups := range [][]report.Group{r.Channels, r.Variants} {
		slices.SortFunc(groups, func(a, b report.Group) int {
			if d := int(b.Counts.Conversations - a.Counts.Conversations); d != 0 || a.ID == nil || b.ID == nil {
				return d
			}
			return strings.Compare(*a.ID, *b.ID)
		})
	}
	r.Reasons, r.DropOff, r.Metrics = reasonsOf(now, past), dropOff(now), metricsOf(now, past)
	return r
}

func (c *rawCall) family() string {
	switch name := strings.ToUpper(c.Channel); {
	case strings.HasPrefix(name, "VOICE"), strings.HasPrefix(name, "WEBRTC"):
		return "voice"
	case strings.Contains(name, "CHAT"):
		return "chat"
	case strings.Contains(name, "SMS"):
		return "sms"
	}
	return "other"
}

func reasonsOf(now, past []*rawCall) (reasons []report.Reason) {
	found := map[[2]string]*report.Reason{}
	count := func(calls []*rawCall, of func(*report.Reason) *int64) {
		for _, c := range calls {
			if !c.finished() || !isTrue(c.Handoff) {
				continue
			}
			key := [2]string{c.HandoffReason, c.HandoffDestination}
			if found[key] == nil {
				found[key] = &report.Reason{Reason: orNull(key[0]), Destination: orNull(key[1])}
			}
			*of(found[key])++
		}
	}
	count(now, func(r *report.Reason) *int64 { return &r.Handoffs })
	count(past, func(r *report.Reason) *int64 { return &r.Before })
	for _, r := range found {
		reasons = append(reasons, *r)
	}
	text := func(s *string) string {
		if s == nil {
			return "\xff" // NULL comes last
		}
		return *s
	}
	slices.SortFunc(reasons, func(a, b report.Reason) int {
		key := func(r report.Reason) string {
			return fmt.Sprintf("%09d %09d %s\x00%s", 1_000_000-r.Handoffs, 1_000_000-r.Before, text(r.Reason), text(r.Destination))
		}
		return strings.Compare(key(a), key(b))
	})
	return reasons
}

func dropOff(calls []*rawCall) (steps []report.Step) {
	for turn := int64(0); turn <= 30; turn++ {
		step := report.Step{Turn: turn, Outcome: map[string]int64{}}
		for _, c := range calls {
			n := min(int64(len(c.Turns)), 30)
			if s := c.transcript(); !c.finished() || s != "complete" && s != "none" || n < turn {
				continue
			}
			step.Reached++
			if n == turn {
				step.Ended++
				step.Outcome[c.outcome()]++
			}
		}
		if step.Reached > 0 {
			steps = append(steps, step)
		}
	}
	return steps
}

var isNumber = regexp.MustCompile(`^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$`)

func metricsOf(now, past []*rawCall) (metrics []report.Metric) {
	found, sums := map[string]*report.Metric{}, map[string]float64{}
	each := func(calls []*rawCall, do func(m *report.Metric, values []any)) {
		for _, c := range calls {
			for name, v := range c.Metrics {
				values, isList := v.([]any)
				if !isList {
					values = []any{v}
				}
				if v == nil || len(values) == 0 {
					continue
				}
				if found[name] == nil {
					found[name] = &report.Metric{Name: name}
				}
				do(found[name], values)
			}
		}
	}
	each(past, func(m *report.Metric, _ []any) { m.Before++ })
	each(now, func(m *report.Metric, values []any) {
		m.Conversations++
		for _, v := range values {
			m.Entries++
			switch text, _ := v.(string); {
			case strings.EqualFold(text, "true"):
				m.TrueValues, m.BooleanValues = m.TrueValues+1, m.BooleanValues+1
			case strings.EqualFold(text, "false"):
				m.BooleanValues++
			case isNumber.MatchString(text):
				n, _ := strconv.ParseFloat(text, 64)
				m.NumericValues++
				sums[m.Name] += n
			}
		}
	})
	for _, m := range found {
		m.TrueRate, m.NumericAverage = share(m.TrueValues, m.BooleanValues), ratio(sums[m.Name], m.NumericValues)
		metrics = append(metrics, *m)
	}
	slices.SortFunc(metrics, func(a, b report.Metric) int {
		if a.Conversations != b.Conversations {
			return int(b.Conversations - a.Conversations)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return metrics
}

// reported has the output of `report --output json`.
type reported struct {
	Notes    []string
	Period   struct{ From, To string }
	Feeds    []report.Feed       `json:"projects"`
	Current  *report.Summary     `json:"figures"`
	Before   *report.Summary     `json:"previous_figures"`
	Days     []report.DayFigures `json:"days"`
	Hours    []report.HourCount  `json:"hours"`
	Projects []report.Group      `json:"by_project"`
	Channels []report.Group      `json:"by_channel"`
	Variants []report.Group      `json:"by_variant"`
	Reasons  []report.Reason     `json:"handoff_reasons"`
	DropOff  []report.Step       `json:"drop_off"`
	Metrics  []report.Metric     `json:"metrics"`
}

// differences lists where two values differ; floats may differ in the last digits.
func differences(path string, got, want any) (all []string) {
	switch w := want.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		for name := range w {
			all = append(all, differences(path+"."+name, g[name], w[name])...)
		}
		for name := range g {
			if _, known := w[name]; !known {
				all = append(all, fmt.Sprintf("%s.%s is not expected: %v", path, name, g[name]))
			}
		}
		return all
	case []any:
		g, _ := got.([]any)
		if len(g) != len(w) {
			return []string{fmt.Sprintf("%s: got %d, want %d", path, len(g), len(w))}
		}
		for i := range w {
			all = append(all, differences(fmt.Sprintf("%s[%d]", path, i), g[i], w[i])...)
		}
		return all
	case float64:
		if g, ok := got.(float64); ok && math.Abs(g-w) <= math.Abs(w)*1e-12 {
			return nil
		}
	}
	if got != want {
		return []string{fmt.Sprintf("%s: got %v, want %v", path, got, want)}
	}
	return nil
}
