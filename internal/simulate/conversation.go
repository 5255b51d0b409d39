package simulate

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// conversation is the generated content: both the JSON and the expected rows of a
// warehouse are derived from it. Its buffers are reused for the next conversation.
type conversation struct {
	head
	environment *environment
	now         int64 // µs: the moment at which it is described
	open        bool  // in progress at that moment

	id            string
	accountID     string // as in the response
	projectID     string
	envName       string
	language      int
	from, to      string
	customer      any // expected customer_number: string or nil
	startForm     timeForm
	inProgress    boolean
	handoffSaid   boolean
	reason        string
	destination   string
	note          string
	totalDuration number
	agentDuration number
	numTurns      number
	numSilences   number
	numOOD        number
	metrics       []metric
	hiddenMetrics bool
	topic         string
	caller        int // index in the values of placeholderName
	callSID       string
	nasty         *fragment // an additional member of the state
	plan          plan
	turns         []turn
	hiddenTurns   hiding
	empty         emptyForm
	extra         []member // fields that have no column
	scored        *scored  // score, summary and similar fields; nil: none
}

// turn is one exchange.
type turn struct {
	user, agent         text
	translated, english text
	dtmf                string
	userAt, agentAt     moment
	latency             latency
	intents             []string
	intentForm          *listForm // instead of intents
	entity              [2]string // name and value; "" none
	entityForm          *entityForm
	outside, silent     boolean
	bargeIn             boolean
	extra               []member
	audio               string // URL of the turn's audio
	recognised          bool   // asr_lang_code, tts_lang_code and turn_id are given
}

// text is before + placeholder + after, or an unusual text with a JSON form of its
// own.
type text struct {
	before, placeholder, after string
	odd                        *oddText
}

func (t *text) String() string {
	if t.odd != nil {
		return t.odd.stored
	}
	return t.before + t.placeholder + t.after
}

func (t *text) isEmpty() bool {
	return t.odd == nil && t.before == "" && t.placeholder == "" && t.after == ""
}

// boolean is a boolean that may be missing.
type boolean uint8

const (
	unsaid boolean = iota
	no
	yes
)

func say(b bool) boolean {
	if b {
		return yes
	}
	return no
}

// metric is a custom metric. The kind says which fields contain its value.
type metric struct {
	name   string
	kind   metricKind
	text   string // as given
	second string // of a list of two
	number float64
	at     int64 // µs
	form   *metricForm
}

type metricKind uint8

const (
	metricText metricKind = iota
	metricNumber
	metricBoolean
	metricTime
	metricList // of two texts
	metricOdd  // of a table: see metricForms
)

// phones are the telephone numbers of customers, all from ranges that regulators
// reserve for fiction: Ofcom's mobile and London numbers, and 555-01XX.
var phones = sync.OnceValue(func() (list []string) {
	numbers := func(format string, from, to int) {
		for n := from; n <= to; n++ {
			list = append(list, fmt.Sprintf(format, n))
		}
	}
	numbers("+447700900%03d", 0, 999)
	numbers("+442079460%03d", 0, 899) // 9xx are ours
	numbers("+1201555%04d", 100, 199)
	return list
})

var (
	ourNumbers  = []string{"+442079460900", "+442079460901", "+442079460902"}
	departments = []string{"billing", "front desk", "second line", "shipping", "purchasing"}
	orderValues = []float64{12.5, 24.9, 39.95, 73.5, 88.2, 119, 149.99, 260.4, 512.75}
	notes       = []string{"Reviewed: fine.", "Customer was promised a call back.", "Agent should have asked for the name.", "Good example for training – keep."}
)

// fill makes the conversation of a head as it is at a moment (µs).
func (c *conversation) fill(e *environment, h head, now int64) {
	*c = conversation{
		head:        h,
		environment: e,
		now:         now,
		open:        h.open(now),
		metrics:     c.metrics[:0],
		turns:       c.turns[:0],
		extra:       c.extra[:0],
		plan:        plan{said: c.plan.said},
		accountID:   e.project.AccountID,
		projectID:   e.project.ID,
		envName:     e.name,
	}
	r := random(h.seed)
	c.identify(&r)
	c.language = languageOf(r.float())
	c.plan.make(c, stream(h.seed, streamPlan))
	c.topic = c.plan.topic()
	c.talk(&r)
	changed := e.override(h.index)
	c.turns = c.turns[:max(len(c.turns)-changed.DropTurns, 0)]
	c.count()
	// Separate streams, since the number of values taken from r depends on the moment.
	c.measure(stream(h.seed, streamMeasures))
	c.handOver()
	c.hiddenMetrics = e.project.HideMetrics
	if e.project.HideTranscripts {
		c.hiddenTurns = hideEmpty
	}
	c.review(stream(h.seed, streamReviews))
	if e.project.Summaries {
		c.summarise(stream(h.seed, streamSummaries))
	}
	e.deviations.apply(c)
	changed.change(c)
}

func languageOf(u float64) int {
	switch {
	case u < 0.9:
		return 0
	case u < 0.96:
		return 1
	}
	return 2
}

func (c *conversation) identify(r *random) {
	var buf [64]byte
	id := buf[:0]
	a, b := r.next(), r.next()
	switch {
	case c.outbound:
		id = appendUUID(append(id, "OUT-"...), a, b)
	case c.channel.family == voice && a%16 != 0:
		id = appendHex(appendHex(append(id, "CA"...), a), b)
	case c.channel.name == "CHAT":
		id = appendHex(appendHex(append(id, "AS_CHAT_"...), a), b)
	case c.channel.family == sms:
		id = appendUUID(append(id, "CONV-"...), a, b)
	default:
		id = appendUUID(id, a, b)
	}
	c.id = string(id)
	c.caller = r.n(len(placeholderValues[placeholderName][0]))
	person, ours := phones()[r.n(len(phones()))], pick(r, ourNumbers)
	withheld := r.chance(0.03)
	switch {
	case c.channel.family == chat:
		return // a chat has no numbers
	case c.outbound:
		c.from, c.to, c.customer = ours, person, person
	case withheld && c.channel.family == voice:
		c.from, c.to = "anonymous", ours
	default:
		c.from, c.to, c.customer = person, ours, person
	}
	if strings.HasPrefix(c.id, "CA") {
		c.callSID = c.id
	}
}

// count sets the numbers that the source counts.
func (c *conversation) count() {
	var silences, outside int64
	for i := range c.turns {
		if c.turns[i].silent == yes {
			silences++
		}
		if c.turns[i].outside == yes {
			outside++
		}
	}
	total, agent := c.total, c.agent
	if c.head.total == neverEnds {
		total = agent // the source has forgotten it
	}
	if c.open {
		total = min(total, (c.now-c.start)/secondMicros)
		agent = min(agent, total)
	}
	c.totalDuration, c.agentDuration = number{value: float64(total)}, number{value: float64(agent)}
	c.numTurns = number{value: float64(len(c.turns))}
	c.numSilences, c.numOOD = number{value: float64(silences)}, number{value: float64(outside)}
	c.inProgress = say(c.open)
}

// measure sets the metrics. Some of them exist only after the end.
func (c *conversation) measure(r *random) {
	add := func(m metric) { c.metrics = append(c.metrics, m) }
	add(metric{name: "call_reason", kind: metricText, text: c.topic})
	if r.chance(0.4) {
		verified := r.chance(0.9) && (c.plan.outcome != handedOff || c.plan.reason != notVerified)
		add(metric{name: "authenticated", kind: metricBoolean, text: strconv.FormatBool(verified)})
	}
	if r.chance(0.15) {
		first := r.n(len(departments))
		second := (first + 1 + r.n(len(departments)-1)) % len(departments)
		add(metric{name: "department", kind: metricList, text: departments[first], second: departments[second]})
	}
	if r.chance(0.05) {
		add(metric{name: "survey_comment", kind: metricText})
	}
	if c.open {
		return
	}
	if score := c.satisfaction(r); r.chance(0.3) && c.plan.outcome != hungUp {
		add(metric{name: "csat_score", kind: metricNumber, text: strconv.Itoa(score), number: float64(score)})
	}
	if r.chance(0.1) {
		add(metric{name: "callback_requested_at", kind: metricTime, at: c.end() - c.end()%secondMicros})
	}
	if value := pick(r, orderValues); c.plan.orderEnd > 0 && c.plan.outcome != hungUp || r.chance(0.15) {
		add(metric{name: "order_value", kind: metricNumber, text: strconv.FormatFloat(value, 'f', 2, 64), number: value})
	}
}

// satisfaction returns a score from 1 to 5 that fits the outcome.
func (c *conversation) satisfaction(r *random) int {
	weights := [...]float64{0.03, 0.05, 0.14, 0.38, 0.40}
	switch {
	case c.plan.outcome == handedOff && c.plan.reason == complaint:
		weights = [...]float64{0.40, 0.35, 0.15, 0.07, 0.03}
	case c.plan.outcome == handedOff:
		weights = [...]float64{0.12, 0.18, 0.35, 0.25, 0.10}
	case c.plan.outcome == hungUp:
		weights = [...]float64{0.35, 0.30, 0.20, 0.10, 0.05}
	}
	return 1 + pickWeighted(r, weights[:])
}

// handOver sets the fields of the handoff if it has happened by now.
func (c *conversation) handOver() {
	handed := c.handoff && c.now >= c.start+c.agent*secondMicros
	c.handoffSaid = say(handed)
	if handed {
		c.reason, c.destination = handoffEndings[c.plan.reason].reason, c.plan.destination
	}
}

// review adds the note that a reviewer writes days after some conversations.
func (c *conversation) review(r *random) {
	written := c.end() + int64(r.between(1, 72))*hourMicros
	note := pick(r, notes)
	if r.chance(0.02) && written <= c.now {
		c.note = note
	}
}
