package simulate

import (
	"math"
	"sort"
	"time"
)

// family is the kind of a channel.
type family uint8

const (
	voice family = iota
	chat
	sms
	email
	other
)

func (f family) String() string { return [...]string{"voice", "chat", "sms", "email", "other"}[f] }

// head has the fields that decide whether a conversation is listed. The others are
// generated only when it is written.
type head struct {
	index      int
	place      int   // position in the list, highest for the newest: the index, unless it was moved
	start      int64 // µs
	visible    int64 // µs: before it the list does not show the conversation
	seed       uint64
	channel    channel
	variant    *variant
	turns      int
	agent      int64 // seconds with the agent
	total      int64 // seconds from start to end; neverEnds
	handoff    bool
	outbound   bool
	removed    bool // by an override, as moved
	moved      bool
	unreadable bool // the listed value is not a conversation
	poison     Poison
}

const neverEnds = math.MaxInt32

// channel is a channel as the source names it.
type channel struct {
	name   string
	family family
}

var channels = [...]channel{{"VOICE-SIP", voice}, {"WEBCHAT", chat}, {"CHAT", chat}, {"sms", sms}}

// channelOf returns the telephone for most conversations.
func channelOf(u float64) channel {
	switch {
	case u < 0.82:
		return channels[0]
	case u < 0.93:
		return channels[1]
	case u < 0.97:
		return channels[2]
	}
	return channels[3]
}

// variant is a version of an agent that gets a share of the conversations.
type variant struct {
	id, name    string
	share       float64 // of the conversations, cumulative
	handoff     float64 // rate
	latency     float64 // median, seconds
	growthMonth float64 // factor of the latency from month to month
}

// variantsOf makes the variants of a project: a constant one, a fast one, and one
// that gets slower from month to month, which charts should show.
func variantsOf(seed uint64) []variant {
	variants := []variant{
		{
			name:        "Main line",
			share:       0.55,
			handoff:     0.19,
			latency:     0.92,
			growthMonth: 1,
		},
		{
			name:        "Concise prompt",
			share:       0.80,
			handoff:     0.14,
			latency:     0.71,
			growthMonth: 1,
		},
		{
			name:        "Evening team (gets slower)",
			share:       1,
			handoff:     0.26,
			latency:     0.85,
			growthMonth: 1.18,
		},
	}
	r := random(seed)
	for i := range variants {
		variants[i].id = "VARIANT-" + string(appendHex(nil, r.next())[:8])
	}
	return variants
}

// start returns the start (µs) of the conversation with an index. It never decreases
// with the index, so that a time range is found by binary search.
func (e *environment) start(index int) int64 {
	jitter := float64(mix(e.seed^uint64(index))>>11)/(1<<53) - 0.5
	at := e.calendar.at((float64(index) + 0.5 + 0.98*jitter) / float64(e.count))
	if e.deviations.TimeForms {
		at = coarse(at)
	}
	return at
}

// coarse truncates some moments to milliseconds and some to seconds, so that they
// can be written with fewer digits. It keeps the order.
func coarse(at int64) int64 {
	switch (at / 1e6) % 4 {
	case 0:
		return at - at%1e6
	case 1:
		return at - at%1e3
	}
	return at
}

// firstFrom returns the lowest index that starts at or after a moment (µs).
func (e *environment) firstFrom(at int64) int {
	return sort.Search(e.count, func(i int) bool { return e.start(i) >= at })
}

const secondMicros = int64(time.Second / time.Microsecond)

// head makes the head of a conversation.
func (e *environment) head(index int) head {
	r := random(mix(e.seed + uint64(index)*0x9e3779b97f4a7c15))
	h := head{index: index, place: index, start: e.start(index), channel: channelOf(r.float())}
	h.visible = h.start
	share := r.float()
	for i := range e.variants {
		if h.variant = &e.variants[i]; share < h.variant.share {
			break
		}
	}
	h.handoff = r.chance(h.variant.handoff)
	h.turns = 1 + int((e.project.TurnsMean-1)*r.gamma()+r.float())
	h.agent = int64(float64(h.turns)*h.channel.secondsPerTurn(&r)) + 2
	h.total = h.agent
	if h.handoff {
		h.total += int64(r.between(40, 900))
	}
	h.outbound = h.channel.family == voice && r.chance(0.06)
	if r.chance(0.005) {
		h.visible += int64(r.between(120, 6*3600)) * secondMicros
	}
	h.seed = r.next()
	e.deviateHead(&h)
	if o := e.override(index); o != (Override{}) {
		o.changeHead(&h)
	}
	return h
}

func (c channel) secondsPerTurn(r *random) float64 {
	switch c.family {
	case chat:
		return r.between(12, 45)
	case sms:
		return r.between(60, 900)
	}
	return r.between(6, 13)
}

// end returns when the conversation ends (µs).
func (h *head) end() int64 { return h.start + h.total*secondMicros }

// open reports whether it is in progress at a moment (µs).
func (h *head) open(now int64) bool { return now < h.end() }
