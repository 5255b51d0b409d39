package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/polyai"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// scriptedConversation is a conversation of the simulated source, with all its past
// and future versions.
type scriptedConversation struct {
	id       string
	versions []version // by at
}

// version is the state of a conversation from a time of the source's clock on.
type version struct {
	at       extract.Second
	content  int                 // increases with each change
	start    warehouse.Timestamp // may be corrected
	env      string              // under which it is listed
	open     bool                // in progress
	listed   bool
	turns    int // returned unless transcripts are hidden
	numTurns int // as counted by the source
	poison   poison
}

// second returns the second that contains the start.
func (v *version) second() extract.Second { return extract.SecondOf(v.start.Time()) }

// as returns the version at a time; nil while the conversation is not visible yet.
func (c *scriptedConversation) as(at extract.Second) (v *version) {
	for i := range c.versions {
		if c.versions[i].at <= at {
			v = &c.versions[i]
		}
	}
	return v
}

// content returns the first listed version with a content; nil if there is none yet.
func (c *scriptedConversation) content(content int, now extract.Second) *version {
	for i := range c.versions {
		if v := &c.versions[i]; v.content == content && v.listed && v.at <= now {
			return v
		}
	}
	return nil
}

// change adds a version from now on, and changes the future ones accordingly.
func (c *scriptedConversation) change(now extract.Second, change func(*version)) {
	next := *c.as(now)
	content := next.content
	next.at = now
	change(&next)
	var future []version
	past := c.versions[:0:0]
	for _, v := range c.versions {
		if v.at <= now {
			past = append(past, v)
			continue
		}
		change(&v)
		future = append(future, v)
	}
	next.content = content
	if was := c.as(now); next.start != was.start || next.listed == was.listed && next.env == was.env { // otherwise it only disappeared, returned or moved
		next.content++
	}
	for i := range future {
		future[i].content = next.content + 1 + i
	}
	c.versions = append(append(past, next), future...)
}

// stays reports whether a conversation is listed in the same place throughout a time
// range.
func (c *scriptedConversation) stays(from, until extract.Second) bool {
	first := c.as(from)
	if first == nil || !first.listed {
		return false
	}
	for i := range c.versions {
		if v := &c.versions[i]; v.at > from && v.at <= until && (!v.listed || v.start != first.start || v.env != first.env) {
			return false
		}
	}
	return true
}

// wasListed reports whether a conversation was listed at any time in a range.
func (c *scriptedConversation) wasListed(from, until extract.Second) bool {
	if v := c.as(from); v != nil && v.listed {
		return true
	}
	return slices.ContainsFunc(c.versions, func(v version) bool { return v.at > from && v.at <= until && v.listed })
}

// form is how the source returns a version at a time.
type form struct {
	hideTurns, hideMetrics bool
	percentile             extract.Second // of each latency: it changes by itself
	reordered              bool           // the members have another order
}

// json returns a version as the source returns it.
func (c *scriptedConversation) json(v *version, f form) []byte {
	if text, ok := v.poison.text(c.id); ok {
		return []byte(text)
	}
	b := fmt.Appendf(nil, `{"id":%q,"started_at":%q,"in_progress":%t,"num_turns":%d,"note":"content %d"`,
		c.id, v.start.Time().Format("2006-01-02T15:04:05.000000Z"), v.open, v.numTurns, v.content)
	turns, metrics := []byte(`,"turns":[`), []byte(`,"metrics":{`)
	for i := 0; i < v.turns && !f.hideTurns; i++ {
		if i > 0 {
			turns = append(turns, ',')
		}
		turns = fmt.Appendf(turns, `{"user_input":"made-up turn %d","agent_response":"content %d","entities":[{"content":"%d"}],`+
			`"latency":{"label":null,"perceived_latency":1.5,"perceived_latency_percentile_1d":%d}}`, i, v.content, v.content, f.percentile)
	}
	if !f.hideMetrics {
		metrics = fmt.Appendf(metrics, `"content":%d`, v.content)
	}
	turns, metrics = append(turns, ']'), append(metrics, '}')
	if f.reordered {
		turns, metrics = metrics, turns
	}
	return append(slices.Concat(b, turns, metrics), '}')
}

// rows returns the rows to be stored for a version without hidden parts.
func (c *scriptedConversation) rows(v *version) *warehouse.Rows {
	rules := modelTransform
	rules.Environment = v.env
	rows, _, err := transform.Rows(polyai.Value(c.json(v, form{})), &rules, 0)
	if err != nil {
		panic(fmt.Sprintf("the simulated source returns an unreadable conversation: %v", err))
	}
	return rows
}

// kept returns the rows to be stored for a version if stored is stored already: turns
// that are no longer visible remain.
func (c *scriptedConversation) kept(v *version, stored *warehouse.Rows) *warehouse.Rows {
	rows := c.rows(v)
	if v.turns == 0 {
		load.Reconcile(rows, stored, 1, "")
	}
	return rows
}

var modelTransform = transform.Options{
	AccountID:   "acme-uk",
	ProjectID:   "acme-model",
	Environment: "live",
	APIVersion:  "v3",
	Audio:       []transform.AudioKind{{Direction: "combined", Redacted: true}},
}

// contentOf returns the content number in a text.
func contentOf[S ~string](text S) (content int) {
	if _, err := fmt.Sscanf(string(text), "content %d", &content); err != nil {
		return -1
	}
	return content
}

// unitError returns what is inconsistent in the stored rows of a conversation; "" if
// nothing is. Parts may be older, if they were hidden later. With a twin, the rows
// may be those of the twin.
func (c *scriptedConversation) unitError(stored *warehouse.Rows, now extract.Second, twin bool) string {
	s := &stored.Conversation
	content := contentOf(s.Note)
	v := c.content(content, now)
	if v == nil {
		return fmt.Sprintf("the source never returned %q", s.Note)
	}
	if s.StartedAt != v.start || s.InProgress.V != v.open || s.NumTurns.V != int64(v.numTurns) {
		return "the row matches no version"
	}
	if s.ContentHash != stored.Hash() || s.TurnsLoaded != int64(len(stored.Turns)) {
		return "the row does not describe its parts"
	}
	if twin && (load.IsHidden(&stored.Conversation) || len(stored.Turns) == 0 || len(stored.Metrics) == 0) {
		return ""
	}
	if wrong := c.turnsError(stored, v, now); wrong != "" {
		return wrong
	}
	if twin {
		return ""
	}
	return c.metricsError(stored, v)
}

func (c *scriptedConversation) turnsError(stored *warehouse.Rows, v *version, now extract.Second) string {
	// Without a count, a hidden transcript looks like an empty one.
	hidden := load.IsHidden(&stored.Conversation) || stored.Conversation.TranscriptStatus == warehouse.TranscriptNone && v.numTurns == 0
	of := v
	if hidden && len(stored.Turns) > 0 {
		of = c.content(contentOf(stored.Turns[0].AgentResponse), now)
	}
	// Windows that meet in the second of a conversation may be committed in another
	// order than they were read. An open conversation is read again.
	reordered := v.open && v.turns == 0
	switch {
	case of == nil || of.content > v.content && !reordered:
		return "its turns match no version"
	case !hidden && len(stored.Turns) != v.turns, len(stored.Turns) > 0 && len(stored.Turns) != of.turns:
		return fmt.Sprintf("%d turns of %d are stored", len(stored.Turns), of.turns)
	case len(stored.Entities) != len(stored.Turns):
		return fmt.Sprintf("%d entities of %d are stored", len(stored.Entities), len(stored.Turns))
	}
	for i, turn := range stored.Turns {
		if contentOf(turn.AgentResponse) != of.content || turn.StartedAt != v.start || stored.Entities[i].StartedAt != v.start {
			return "its turns are of several versions"
		}
	}
	return ""
}

func (c *scriptedConversation) metricsError(stored *warehouse.Rows, v *version) string {
	switch {
	case strings.Trim(string(stored.Conversation.Metrics), "{}") == "" && len(stored.Metrics) == 0:
		return ""
	case len(stored.Metrics) != 1 || stored.Metrics[0].StartedAt != v.start || stored.Metrics[0].ValueNumber.V > float64(v.content):
		return "its metrics match no version"
	case string(stored.Conversation.Metrics) != fmt.Sprintf(`{"content":%d}`, int(stored.Metrics[0].ValueNumber.V)):
		return "its metrics are of several versions"
	}
	return ""
}
