package extract

import (
	"cmp"
	"math"
	"time"
)

// pace is how fast a key is used: requests a second, and requests in flight.
// Both fall by a factor when the source has too much, and rise by small steps.
// It is pure: it is told the time.
type pace struct {
	most    float64 // requests a second that are never exceeded; +Inf: no limit
	rate    float64 // requests a second now; +Inf: no limit
	ceiling float64 // up to which the rate rises quickly
	step    float64 // share by which the ceiling rises next
	pressed bool    // the rate held up a request since the ceiling rose
	rose    time.Time
	probed  time.Time // when the ceiling changed last
	fell    time.Time // when the rate or the window fell last: what was sent before says nothing new

	window, widest float64       // requests in flight, and at most
	usual, latest  time.Duration // until the answer begins: the best of late, and smoothed
}

const (
	defaultInFlight = 64

	limitedFactor  = 0.6  // of the rate at which a 429 came
	ceilingFactor  = 0.9  // of the same: where it was borne, most likely
	leastRate      = 0.5  // a second: a source that wants less is heeded by the pause after each 429
	riseShare      = 0.05 // of the ceiling, a second
	probeEvery     = 30 * time.Second
	firstProbe     = 0.02 // of the ceiling; each probe that is borne doubles the next
	lastProbe      = 0.25
	windowFactor   = 0.5
	slowFactor     = 4 // times the usual latency is too slow,
	slowAtLeast    = time.Second
	latencyWeight  = 8   // answers that the latency is smoothed over
	usualForgets   = 512 // answers after which a rise of the best is taken for usual
	observedWithin = time.Second
)

func newPace(o BudgetOptions) pace {
	limit := cmp.Or(o.PerSecond, math.Inf(1))
	widest := float64(cmp.Or(o.InFlight, defaultInFlight))
	p := pace{most: limit, rate: limit, ceiling: limit, step: firstProbe, window: widest, widest: widest}
	if o.Adaptive {
		p.most = math.Inf(1)
	}
	return p
}

// inFlight is how many requests may be in flight.
func (p *pace) inFlight() int { return int(p.window) }

// wait is how long the next request has to wait for the rate, by the latest
// starts. A second holds no more than the rate, and half a second, so that what
// arrives in bursts leaves room for unsteady networks, about half.
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

// limited takes in a 429 to a request.
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

// observed is how many requests were started within the last second.
func observed(starts []time.Time, now time.Time) float64 {
	n := 0
	for n < len(starts) && now.Sub(starts[len(starts)-1-n]) <= observedWithin {
		n++
	}
	return float64(max(n, 1))
}

// overloaded takes in a 503.
func (p *pace) overloaded(started, now time.Time) { p.fall(started, now) }

// fall narrows the window; false when the request was sent before the last fall.
func (p *pace) fall(started, now time.Time) bool {
	if !started.After(p.fell) {
		return false
	}
	p.fell = now
	p.window = max(1, windowFactor*p.window)
	return true
}

// answered takes in an answer that began as it should.
func (p *pace) answered(started, now time.Time) {
	if p.slow(now.Sub(started)) {
		p.fall(started, now)
		return
	}
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

// slow takes in how long an answer took to begin, and reports whether answers
// have become much slower than usual.
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
