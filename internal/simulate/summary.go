package simulate

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// unknownTopic is the topic of a conversation that ended before one was named.
const (
	unknownTopic = "unknown"
	wrongCompany = "wrong_company"
)

// topic returns the reason for contact.
func (p *plan) topic() string {
	switch {
	case p.outcome == misdialled:
		return wrongCompany
	case p.main == noTopic:
		return unknownTopic
	}
	return topics[p.main].name
}

var headings = map[string]string{
	"delivery": "Delivery status", "billing": "Question about a bill", "booking": "Appointment", "account": "Login problem",
	"opening_hours": "Opening hours", "returns": "Return", "order": "Order", unknownTopic: "No request", wrongCompany: "Wrong company",
}

var outcomeNames = [...]string{"resolved", "handoff", "abandoned", "misdial"}

// summarise adds the score, summary, tags and language of a review to an ended
// conversation.
func (c *conversation) summarise(r *random) {
	score := c.satisfaction(r)
	summary := c.summaryText(r)
	if c.open {
		return
	}
	s := &scored{
		polyScore: float64(score),
		heading:   headings[c.topic],
		summary:   summary,
		tags:      []string{c.topic, outcomeNames[c.plan.outcome]},
		language:  languages[c.language],
	}
	w := strconv.AppendInt([]byte(`,"poly_score":`), int64(score), 10)
	w = appendQuoted(append(w, `,"summary":{"heading":`...), headings[c.topic])
	w = append(appendQuoted(append(w, `,"content":`...), summary), '}')
	w = appendQuoted(append(w, `,"tags":[`...), s.tags[0])
	w = append(appendQuoted(append(w, ','), s.tags[1]), ']')
	s.wire = string(appendQuoted(append(w, `,"language":`...), languages[c.language]))
	c.scored = s
}

// summaryText returns a summary in English, the language of the agent.
func (c *conversation) summaryText(r *random) string {
	opening, closing, other := r.n(math.MaxInt16), r.n(math.MaxInt16), c.plan.otherTopic()
	switch {
	case c.plan.outcome == misdialled && c.outbound:
		return "The call back reached someone who had not asked for it."
	case c.plan.outcome == misdialled:
		return "The customer had reached the wrong company."
	case c.plan.main == noTopic && c.plan.outcome == handedOff:
		return handoffEndings[c.plan.reason].summary
	case c.plan.main == noTopic:
		return "The customer left before naming a request."
	}
	t := &topics[c.plan.main]
	parts := []string{c.fillPlaceholders(c.openings(t, opening))}
	if other != "" {
		parts = append(parts, other)
	}
	switch c.plan.outcome {
	case handedOff:
		parts = append(parts, handoffEndings[c.plan.reason].summary)
	case hungUp:
		parts = append(parts, hungUpSummaries[closing%len(hungUpSummaries)])
	default:
		parts = append(parts, t.settled[closing%len(t.settled)])
	}
	return strings.Join(parts, " ")
}

var hungUpSummaries = []string{
	"The customer hung up before it was finished.",
	"The conversation broke off, and the outcome is unknown.",
	"The customer stopped answering.",
}

// openings returns a summary of a topic that contains only values that were said.
func (c *conversation) openings(t *topic, n int) string {
	for i := range t.summary {
		if s := t.summary[(n+i)%len(t.summary)]; c.saidAll(s) {
			return s
		}
	}
	return "The customer asked about: " + strings.ToLower(headings[t.name]) + "."
}

// saidAll reports whether the user gave a value for each placeholder in a text.
func (c *conversation) saidAll(text string) bool {
	for s := placeholderName; s < placeholderCount; s++ {
		if strings.Contains(text, placeholderMark(s)) && c.firstOf(s) == "" {
			return false
		}
	}
	return true
}

// firstOf returns the first value that the user gave for a placeholder, in English;
// "": none.
func (c *conversation) firstOf(s placeholder) string {
	if s == placeholderName {
		return c.value(s, 0, 0) // the agent recognises the caller's number
	}
	for _, said := range c.plan.said {
		if said.placeholder == s && said.userPlaceholder {
			return c.value(s, 0, 0)
		}
	}
	return ""
}

func (c *conversation) fillPlaceholders(text string) string {
	for s := placeholderName; s < placeholderCount; s++ {
		if mark := placeholderMark(s); strings.Contains(text, mark) {
			text = strings.ReplaceAll(text, mark, c.firstOf(s))
		}
	}
	return text
}

// placeholderMark returns the form of a placeholder in summaries.
func placeholderMark(s placeholder) string {
	return [...]string{"", "{name}", "{reference}", "{date}", "{time}", "{amount}", "{place}", "{item}"}[s]
}

// otherTopic returns a sentence about the second topic of a conversation; "": none.
func (p *plan) otherTopic() string {
	for t := range topics {
		if t != p.main && slices.Contains(p.said, &spokenTopics[t][0]) {
			return "A second matter was: " + strings.ToLower(headings[topics[t].name]) + "."
		}
	}
	return ""
}
