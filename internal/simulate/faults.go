package simulate

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Faults are faults of the service and of the network. All are off by default. The
// same options and the same order of requests give the same faults.
type Faults struct {
	At    map[int64]Fault   // by the number of the request, from 1
	Share map[Fault]float64 // of the requests, at random; at most 1 in total
	// RateLimit is in requests per second, with a burst of one second. Requests above it
	// get a 429.
	RateLimit  float64
	RetryAfter RetryAfter
	Latency    time.Duration // before the first byte of each answer
	// AfterBytes is the number of bytes of a body (before compression) until it is
	// cut, reset, stalled or malformed, 1000 by default. A shorter body is complete.
	AfterBytes int
	// DateAhead is how far the Date header of each response is ahead of the clock of
	// the conversations; negative: behind.
	DateAhead time.Duration
	// RevokeKeyAfter is the number of requests after which the key is refused; 0: never.
	RevokeKeyAfter int64
}

// Fault is a fault of one request.
type Fault string

// The faults.
const (
	Status429    Fault = "429"
	Status500    Fault = "500"
	Status502    Fault = "502" // of a gateway, in HTML
	Status503    Fault = "503"
	Reset        Fault = "reset"         // the connection is reset in the middle of the body
	CutBody      Fault = "cut"           // the body ends early, without a network error
	StallBody    Fault = "stall"         // the body stops until the client disconnects
	Malformed    Fault = "malformed"     // the body has a syntax error
	StaleCursor  Fault = "stale_cursor"  // a request with a cursor gets a 400; others are answered as usual
	RepeatCursor Fault = "repeat_cursor" // the response to a cursor has the same cursor
	FreshCursor  Fault = "fresh_cursor"  // the last page has a cursor, too: always another one, of an empty page
	CycleCursor  Fault = "cycle_cursor"  // the last page has a cursor that leads back to the first
	EraseFirst   Fault = "erase_first"   // the first conversation of the page is erased after the response
	DripBody     Fault = "drip"          // the body is spaces, one per second, until the client disconnects
)

var allFaults = []Fault{Status429, Status500, Status502, Status503, Reset, CutBody, StallBody, Malformed, StaleCursor, RepeatCursor,
	FreshCursor, CycleCursor, EraseFirst, DripBody}

// RetryAfter is the form of the Retry-After header of a 429.
type RetryAfter string

// The forms; "" is RetryAfterSeconds.
const (
	RetryAfterSeconds RetryAfter = "seconds"
	RetryAfterDate    RetryAfter = "date" // an HTTP date in server time
	RetryAfterMissing RetryAfter = "missing"
)

func (f *Faults) validate() error {
	known := func(name Fault) error {
		if slices.Contains(allFaults, name) {
			return nil
		}
		return fmt.Errorf("simulate: there is no fault %q; there are %q", name, allFaults)
	}
	for _, name := range f.At {
		if err := known(name); err != nil {
			return err
		}
	}
	sum := 0.0
	for name, share := range f.Share {
		if err := known(name); err != nil {
			return err
		}
		if !(share >= 0) {
			return fmt.Errorf("simulate: the share %g of the fault %q is negative", share, name)
		}
		sum += share
	}
	if sum > 1+1e-9 {
		return fmt.Errorf("simulate: the shares of the faults add up to %g; 1 is all requests", sum)
	}
	switch f.RetryAfter {
	case "", RetryAfterSeconds, RetryAfterDate, RetryAfterMissing:
	default:
		return fmt.Errorf("simulate: Retry-After cannot be %q; use seconds, date or missing", f.RetryAfter)
	}
	if !(f.RateLimit >= 0) || f.Latency < 0 || f.AfterBytes < 0 || f.RevokeKeyAfter < 0 {
		return fmt.Errorf("simulate: a rate limit, latency, number of bytes or number of requests is negative")
	}
	return nil
}

// of returns the fault of a request; "": none.
func (f *Faults) of(request int64, seed uint64) Fault {
	if name, scripted := f.At[request]; scripted {
		return name
	}
	r := random(mix(seed ^ uint64(request)<<1))
	u := r.float()
	for _, name := range slices.Sorted(maps.Keys(f.Share)) {
		if u -= f.Share[name]; u < 0 {
			return name
		}
	}
	return ""
}

func (f *Faults) afterBytes() int { return cmp.Or(f.AfterBytes, 1000) }

// bucket is a token bucket that fills by server time.
type bucket struct {
	mu     sync.Mutex
	filled time.Time
	tokens float64
}

// take takes a token. If there is none, it returns the time until the next one.
func (b *bucket) take(perSecond float64, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	most := max(perSecond, 1)
	if b.filled.IsZero() {
		b.tokens = most
	} else {
		b.tokens = min(most, b.tokens+perSecond*max(now.Sub(b.filled).Seconds(), 0))
	}
	b.filled = now
	if b.tokens >= 1 {
		b.tokens--
		return 0
	}
	return time.Duration((1 - b.tokens) / perSecond * float64(time.Second))
}

// request is a request with the properties of its response.
type request struct {
	*http.Request
	number  int64     // of all requests, from 1
	now     time.Time // server time
	id      string    // correlation id
	fault   Fault
	version string // of the requested list
}

// fails answers a request with a fault of the service, and reports whether it did.
func (s *Simulator) fails(w http.ResponseWriter, r *request) bool {
	f := &s.o.Faults
	wait := time.Second
	limited := r.fault == Status429
	if f.RateLimit > 0 && !limited {
		wait = s.bucket.take(f.RateLimit, r.now)
		limited = wait > 0
	}
	if limited {
		f.setRetryAfter(w, r.now, wait)
		fail(w, r.id, http.StatusTooManyRequests, "TOO_MANY_REQUESTS", "Too many requests.")
		return true
	}
	switch r.fault {
	case Status500:
		fail(w, r.id, http.StatusInternalServerError, "INTERNAL_ERROR", "An unexpected error occurred.")
	case Status502:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = w.Write([]byte("<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>\r\n"))
	case Status503:
		fail(w, r.id, http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE", "The service is not available.")
	default:
		return false
	}
	return true
}

func (f *Faults) setRetryAfter(w http.ResponseWriter, now time.Time, wait time.Duration) {
	seconds := int(math.Ceil(wait.Seconds()))
	switch cmp.Or(f.RetryAfter, RetryAfterSeconds) {
	case RetryAfterSeconds:
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	case RetryAfterDate:
		w.Header().Set("Retry-After", now.Add(time.Duration(seconds)*time.Second).Format(http.TimeFormat))
	}
}
