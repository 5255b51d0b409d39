package ratelimit

import (
	"cmp"
	"math"
	"time"
)

// pace adapts the rate and the number of requests in flight of one key. Both are
// multiplied by a factor when the source is overloaded, and rise in small steps.
// It does not read a clock: callers pass the time.
type pace struct {
	most    float64 // maximum of rate; +Inf: no limit
	rate    float64 // requests per second that are allowed now; +Inf: no limit
	ceiling float64 // the rate rises quickly up to this value
	step    float64 // share by which the ceiling rises next
	pressed bool    // the rate delayed a request since the ceiling rose
	rose    time.Time
	probed  time.Time // when the ceiling changed last
	fell    time.Time // when the rate or the window fell last; results of requests sent before are ignored

	window, widest float64       // requests in flight that are allowed, and their maximum
	usual, latest  time.Duration // time to the first byte: recent minimum, and moving average
}

const (
	defaultInFlight = 64

	limitedFactor  = 0.6  // of the rate at which a 429 was received
	ceilingFactor  = 0.9  // of the same rate, which the source most likely accepts
	leastRate      = 0.5  // per second; below this rate only the pause after a 429 slows us down
	riseShare      = 0.05 // of the ceiling, per second
	probeEvery     = 30 * time.Second
	firstProbe     = 0.02 // of the ceiling; each successful probe doubles the next one
	lastProbe      = 0.25
	windowFactor   = 0.5
	slowFactor     = 4 // responses are slow at this multiple of the usual latency,
	slowAtLeast    = time.Second
	latencyWeight  = 8   // responses that the latency is averaged over
	usualForgets   = 512 // responses after which a higher latency counts as usual
	observedWithin = time.Second
)

func newPace(o BudgetOptions) pace {
	limit := cmp.Or(o.PerSecond, math.Inf(1))
	widest := float64(cmp.Or(o.InFlight, defaultInFlight))
	p := pace{
		most:    limit,
		rate:    limit,
		ceiling: limit,
		step:    firstProbe,
		window:  widest,
		widest:  widest,
	}
	if o.Adaptive {
		p.most = math.Inf(1)
	}
	return p
}

// inFlight returns how many requests may be in flight.
func (p *pace) inFlight() int { return int(p.window) }

// wait returns how long the next request has to wait, given the latest starts. A
// second contains no more requests than the rate, and half a second about half of
// them, so that an uneven network does not create bursts.
func (p *pace) wait(starts []time.Time, now time.Time) (wait time.Duration) {
	if math.IsInf(p.rate, 1) {
		return 0
	}
	for _, n := range []float64{math.Floor(p.rate), math.Floor(p.rate / 2)} {
		n = min(max(n, 1), mostStarts/2)
		if len(starts) < int(n) {
			continue
		}
		next := starts[len(starts)-int(n)].Add(time.Duration(n / p.rate * float64(time.Second)))
		wait = max(wait, next.Sub(now))
	}
	p.pressed = p.pressed || wait > 0
	return wait
}

// limited lowers the rate after a 429.
func (p *pace) limited(started, now time.Time, starts []time.Time) {
	if !p.fall(started, now) {
		return
	}
	at := p.rate
	if math.IsInf(at, 1) {
		at = observed(starts, now)
	}
	least := min(p.most, leastRate)
	p.rate, p.ceiling, p.step = max(limitedFactor*at, least), max(ceilingFactor*at, least), firstProbe
	p.rose, p.probed, p.pressed = now, now, false
}

// observed returns how many requests were started within the last second.
func observed(starts []time.Time, now time.Time) float64 {
	n := 0
	for n < len(starts) && now.Sub(starts[len(starts)-1-n]) <= observedWithin {
		n++
	}
	return float64(max(n, 1))
}

// overloaded lowers the number of requests in flight after a 503.
func (p *pace) overloaded(started, now time.Time) { p.fall(started, now) }

// fall narrows the window. It returns false if the request was sent before the
// last fall.
func (p *pace) fall(started, now time.Time) bool {
	if !started.After(p.fell) {
		return false
	}
	p.fell = now
	p.window = max(1, windowFactor*p.window)
	return true
}

// answered raises rate and window after a successful response, or narrows the
// window if responses are slow.
func (p *pace) answered(started, now time.Time) {
	if p.slow(now.Sub(started)) {
		p.fall(started, now)
		return
	}
	p.accepted(now)
}

// accepted raises rate and window after a successful response.
func (p *pace) accepted(now time.Time) {
	p.window = min(p.widest, p.window+1/p.window)
	if math.IsInf(p.rate, 1) {
		return
	}
	p.rate = min(p.ceiling, p.rate+riseShare*p.ceiling*min(now.Sub(p.rose).Seconds(), 1))
	p.rose = now
	if p.probed.IsZero() {
		p.probed = now
	}
	if p.rate < p.ceiling || !p.pressed || now.Sub(p.probed) < probeEvery {
		return
	}
	p.ceiling = min(p.most, p.ceiling*(1+p.step))
	p.step = min(2*p.step, lastProbe)
	p.probed, p.pressed = now, false
}

// slow records the time to the first byte of a response, and reports whether
// responses are much slower than usual.
func (p *pace) slow(latency time.Duration) bool {
	if p.usual == 0 {
		p.usual, p.latest = latency, latency
	}
	p.latest += (latency - p.latest) / latencyWeight
	if latency < p.usual {
		p.usual = latency
	}
	p.usual += (p.latest - p.usual) / usualForgets
	return p.latest > slowFactor*p.usual && p.latest > slowAtLeast
}
