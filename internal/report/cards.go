package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Card is a headline figure.
type Card struct {
	Name, Value, About string
	Before, Change     string // "": not compared
}

// Headline are the figures of the period next to those of the previous one.
func (r *Report) Headline() []Card {
	now, before := r.Current, r.Before
	if now == nil {
		return nil
	}
	if before == nil {
		before = &Summary{}
	}
	count := func(name, about string, get func(*Summary) int64) Card {
		c := Card{Name: name, About: about, Value: grouped(get(now))}
		if r.Before != nil {
			c.Before, c.Change = grouped(get(before)), countChange(get(now), get(before))
		}
		return c
	}
	figure := func(name, about string, in shownIn, get func(*Summary) *float64) Card {
		c := Card{Name: name, About: about, Value: in.format(get(now))}
		if r.Before != nil {
			c.Before, c.Change = in.format(get(before)), in.change(get(now), get(before))
		}
		return c
	}
	ofRate := func(name, about string, get func(*Summary) *float64) Card {
		return figure(name, about, shownRate, get)
	}
	of := func(part, whole int64) string { return grouped(part) + " of " + grouped(whole) }
	return []Card{
		count("Conversations", fmt.Sprintf("%s ended, %s open", grouped(now.Finished), grouped(now.Open)), func(s *Summary) int64 { return s.Conversations }),
		ofRate("Containment", of(now.Contained, now.HandoffKnown), func(s *Summary) *float64 { return s.ContainmentRate }),
		ofRate("Handoffs", of(now.Handoffs, now.HandoffKnown), func(s *Summary) *float64 { return s.HandoffRate }),
		ofRate("Abandoned early", of(now.EarlyAbandons, now.EarlyKnown), func(s *Summary) *float64 { return s.EarlyAbandonRate }),
		ofRate("Contained, no callback in 24 h", of(now.ContainedNoCallback, now.CallbackKnown), func(s *Summary) *float64 { return s.ContainedNoCallbackRate }),
		figure("Handle time", "average of "+grouped(now.DurationKnown), shownLength, func(s *Summary) *float64 { return s.AvgTotalSeconds }),
		figure("Time with the agent", "average of "+grouped(now.AgentDurationKnown), shownLength, func(s *Summary) *float64 { return s.AvgAgentSeconds }),
		figure("Latency p50", grouped(now.Latency.Turns)+" turns", shownSeconds, func(s *Summary) *float64 { return s.Latency.P50 }),
		figure("Latency p95", grouped(now.Latency.Turns)+" turns", shownSeconds, func(s *Summary) *float64 { return s.Latency.P95 }),
		ofRate("Silent turns", of(now.SilentTurns, now.SilenceKnownTurns), func(s *Summary) *float64 { return s.SilenceRate }),
		ofRate("Turns out of domain", of(now.OODTurns, now.OODKnownTurns), func(s *Summary) *float64 { return s.OODRate }),
		ofRate("Repeat contact within 7 days", of(now.again().Within7d, now.again().Known7d), func(s *Summary) *float64 { return rate(s.again().Within7d, s.again().Known7d) }),
	}
}

// again is the sum of the repeat contacts of all outcomes.
func (s *Summary) again() (sum Repeat) {
	for _, r := range s.Repeats {
		sum.Known24h += r.Known24h
		sum.Within24h += r.Within24h
		sum.Known7d += r.Known7d
		sum.Within7d += r.Within7d
	}
	return sum
}

func countChange(now, before int64) string {
	if before == 0 {
		return ""
	}
	text := signed(float64(now-before)/float64(before)*100, 1) + " %"
	if strings.HasPrefix(text, "±") && now != before {
		return signed(float64(now-before), 0)
	}
	return text
}

// shownIn says how a figure is shown: as a number of units with some digits.
type shownIn struct {
	format   func(*float64) string
	perValue float64 // units
	digits   int
	unit     string
}

var (
	shownRate    = shownIn{percent, 100, 1, "points"}
	shownSeconds = shownIn{seconds, 1, 2, "s"}
	shownLength  = shownIn{length, 1, 0, "s"}
)

// change is the difference of the figures as they are shown, so that a reader gets the same
// by subtraction; "" if one is not known.
func (in *shownIn) change(now, before *float64) string {
	if now == nil || before == nil {
		return ""
	}
	rounded := func(v *float64) float64 {
		n, _ := strconv.ParseFloat(strconv.FormatFloat(*v*in.perValue, 'f', in.digits, 64), 64)
		return n
	}
	return signed(rounded(now)-rounded(before), in.digits) + " " + in.unit
}

func signed(v float64, digits int) string {
	text := strconv.FormatFloat(math.Abs(v), 'f', digits, 64)
	switch rounded, _ := strconv.ParseFloat(text, 64); {
	case rounded == 0:
		return "±" + text
	case v < 0:
		return "−" + text
	}
	return "+" + text
}
