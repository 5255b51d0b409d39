package transcript

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// page has what the formats for people show, as text that is not escaped yet.
type page struct {
	ID      string
	Project string
	Notes   []Note
	Facts   []fact
	Summary string
	Turns   []turnView
	Metrics []fact
}

type fact struct{ Name, Value string }

// turnView has the utterances of a turn: the user first, then the agent.
type turnView struct {
	Index   int64
	Said    []utterance
	Details []fact // intents and entities
}

type utterance struct {
	Speaker string // "User" or "Agent"
	Offset  string // since the start of the conversation, such as 1:07; "" if unknown
	At      Time
	Clock   string // in the time zone of the project
	Text    string
	English string // translation; "" if there is none, or the text is English
	Lang    string // tag of the language
	Marks   []string
	Latency *latency // of the response of the agent; nil: unknown
}

// latency is a response latency as a bar.
type latency struct {
	Seconds string  // such as "1.24 s"
	Level   string  // fast, slow or very-slow
	Word    string  // the level for readers
	Share   float64 // of a full bar
	Label   string  // of the source, such as "label slow"
}

// A full bar is 5 s, beyond which daily_kpis does not distinguish latencies either. The
// levels end at bounds of its buckets.
const (
	fullBarSeconds = 5
	fastSeconds    = 1.5
	slowSeconds    = 3
)

func newPage(t *Transcript) *page {
	p := &page{
		ID:      t.ConversationID,
		Project: t.ProjectID,
		Notes:   t.Notes,
		Facts:   t.facts(),
		Summary: t.Summary,
	}
	if t.SummaryHeading != "" {
		p.Summary = strings.TrimSuffix(t.SummaryHeading+". "+t.Summary, ". ")
	}
	for i := range t.Turns {
		p.Turns = append(p.Turns, t.turnView(&t.Turns[i]))
	}
	for _, m := range t.Metrics {
		p.Metrics = append(p.Metrics, fact{m.Name, orNone(m.Value)})
	}
	return p
}

// facts returns what is known about the conversation as a whole, without empty values.
func (t *Transcript) facts() (facts []fact) {
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, fact{name, value})
		}
	}
	add("Started", moment(t.StartedAt, t.zone()))
	add("Duration", length(t.TotalDurationSeconds))
	if t.PolyAIDurationSeconds != nil && (t.TotalDurationSeconds == nil || *t.PolyAIDurationSeconds != *t.TotalDurationSeconds) {
		add("With the agent", length(t.PolyAIDurationSeconds))
	}
	add("Contact", joined(", ", t.ChannelFamily, t.Direction, t.Environment))
	add("Customer", t.CustomerNumber)
	add("Variant", t.VariantName)
	if t.VariantName == "" {
		add("Variant", t.VariantID)
	}
	add("Deployment", t.DeploymentID)
	add("Language", t.Language)
	add("Handoff", t.handoff())
	if t.LatencyP50Seconds != nil && t.LatencyP95Seconds != nil && t.LatencyMaxSeconds != nil {
		add("Latency", fmt.Sprintf("median %s, p95 %s, maximum %s", seconds(*t.LatencyP50Seconds), seconds(*t.LatencyP95Seconds), seconds(*t.LatencyMaxSeconds)))
	}
	if t.PolyScore != nil {
		add("PolyScore", strconv.FormatFloat(*t.PolyScore, 'f', -1, 64))
	}
	add("Tags", list(t.Tags))
	add("Note", t.ReviewNote)
	return facts
}

func (t *Transcript) handoff() string {
	switch {
	case t.Handoff == nil:
		return "unknown"
	case !*t.Handoff:
		return "no"
	}
	text := "yes"
	if t.HandoffReason != "" {
		text += ": " + t.HandoffReason
	}
	if t.HandoffDestination != "" {
		text += ", to " + t.HandoffDestination
	}
	return text
}

func (t *Transcript) turnView(x *Turn) turnView {
	v := turnView{Index: x.TurnIndex}
	user := utterance{
		Speaker: "User",
		At:      x.UserInputAt,
		Text:    x.UserInput,
		English: x.TranslatedUserInput,
		Lang:    x.UserLanguage,
	}
	if x.UserInputDTMF != "" {
		user.Marks = append(user.Marks, "pressed "+x.UserInputDTMF)
	}
	for _, m := range []struct {
		is   *bool
		mark string
	}{{x.IsSilence, "silence"}, {x.BargeIn, "interrupted the agent"}, {x.IsOOD, "out of domain"}} {
		if m.is != nil && *m.is {
			user.Marks = append(user.Marks, m.mark)
		}
	}
	agent := utterance{
		Speaker: "Agent",
		At:      x.AgentResponseAt,
		Text:    x.AgentResponse,
		English: x.EnglishAgentResponse,
		Lang:    x.AgentLanguage,
		Latency: newLatency(x),
	}
	for _, u := range []utterance{user, agent} {
		if u.Text == "" && len(u.Marks) == 0 && u.Latency == nil {
			continue
		}
		if u.English == u.Text {
			u.English = ""
		}
		if !u.At.IsZero() {
			u.Offset, u.Clock = offset(u.At.Sub(t.StartedAt.Time)), u.At.In(t.zone()).Format(time.TimeOnly)
		}
		v.Said = append(v.Said, u)
	}
	if intents := list(x.Intents); intents != "" {
		v.Details = append(v.Details, fact{"intents", intents})
	}
	for _, e := range x.Entities {
		v.Details = append(v.Details, fact{e.Name, orNone(e.Value)})
	}
	return v
}

func newLatency(x *Turn) *latency {
	if x.LatencySeconds == nil {
		return nil
	}
	l := &latency{
		Seconds: seconds(*x.LatencySeconds),
		Level:   "very-slow",
		Word:    "very slow",
		Share:   math.Min(math.Max(*x.LatencySeconds/fullBarSeconds, 0), 1),
		Label:   x.LatencyLabel,
	}
	if l.Label != "" {
		l.Label = "label " + l.Label
	}
	if *x.LatencySeconds <= fastSeconds {
		l.Level, l.Word = "fast", ""
	} else if *x.LatencySeconds <= slowSeconds {
		l.Level, l.Word = "slow", "slow"
	}
	return l
}

// seconds returns a latency, such as "1.24 s".
func seconds(s float64) string { return strconv.FormatFloat(s, 'f', 2, 64) + " s" }

// length returns a duration, such as "3 min 12 s"; "" if it is unknown.
func length(s *float64) string {
	switch {
	case s == nil:
		return ""
	case math.Abs(*s) < 60 || math.Abs(*s) > 1e9:
		return strconv.FormatFloat(*s, 'f', -1, 64) + " s"
	}
	whole := int64(math.Round(*s))
	text := fmt.Sprintf("%d min %d s", whole/60%60, whole%60)
	if whole >= 3600 {
		text = fmt.Sprintf("%d h %s", whole/3600, text)
	}
	return text
}

// offset returns the time since the start, such as 1:07 or 1:02:03.
func offset(d time.Duration) string {
	sign := ""
	if d = d.Truncate(time.Second); d < 0 {
		sign, d = "-", -d
	}
	s := int64(d / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%s%d:%02d:%02d", sign, s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%s%d:%02d", sign, s/60, s%60)
}

// moment returns a time for people; "" if it is unknown.
func moment(t Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return t.In(zone).Format("Mon 2 Jan 2006, 15:04:05 MST")
}

// list returns the values that are not NULL.
func list(values []*string) string {
	var texts []string
	for _, v := range values {
		if v != nil {
			texts = append(texts, *v)
		}
	}
	return joined(", ", texts...)
}

func joined(between string, values ...string) string {
	var given []string
	for _, v := range values {
		if v != "" {
			given = append(given, v)
		}
	}
	return strings.Join(given, between)
}

func orNone(v *string) string {
	if v == nil {
		return "–"
	}
	return *v
}
