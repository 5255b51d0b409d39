package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"convsync/internal/extract"
	"convsync/internal/warehouse"
)

// scripted is a source whose conversations, clock and faults are set by the test.
type scripted struct {
	mu            sync.Mutex
	clock         extract.Second
	dateAhead     extract.Second // of the clock, in the answers of this run
	conversations []*scriptedConversation
	hideTurns     bool
	hideMetrics   bool
	habits        habits

	key      string // of this run
	requests int
	trouble  trouble
	answered map[string]bool
}

// habits holds behavior that the documentation of the source leaves open.
type habits struct {
	exclusive bool // start_time and end_time are exclusive
	overlap   bool // a page begins with the last row of the previous one
	offset    bool // next_offset names the next page, and there is no cursor
	lowered   bool // a page has two rows, whatever the requested limit
}

// fault is a kind of faulty response.
type fault string

const (
	faultNone        fault = ""
	faultBusy        fault = "429 now"
	faultBusyLong    fault = "429 for an hour"
	faultUnavailable fault = "503"
	faultBroken      fault = "500 in HTML"
	faultReset       fault = "reset"
	faultCut         fault = "cut"
	faultMalformed   fault = "malformed"
	faultRefused     fault = "401"
	faultStale       fault = "stale cursor"
	faultRepeated    fault = "repeated cursor"
)

var faults = []fault{
	faultBusy, faultBusyLong, faultUnavailable, faultBroken, faultReset, faultCut, faultMalformed, faultRefused, faultStale, faultRepeated,
}

// trouble holds the faults of the source during a run.
type trouble struct {
	at   map[int]fault // by number of the request, from 1
	down fault         // of every request from downAt to downEnd
	// Range of the failing requests; downEnd 0: none, below 0: until the end of the run.
	downAt, downEnd int
	broken          extract.Span // requests of this span are refused
	brokenIn        string       // requests of this environment are refused
	pace
	stopAt int // number of the request at which the run is stopped; 0: none
	stop   context.CancelFunc
}

// pace is how much time passes per request: before its response is made, and then
// until it arrives.
type pace struct{ tick, lag extract.Second }

func (t *trouble) of(request int) fault {
	if request >= t.downAt && (request < t.downEnd || t.downEnd < 0) {
		return t.down
	}
	return t.at[request]
}

// begin prepares the source for a run.
func (s *scripted) begin(key string, t trouble, dateAhead extract.Second) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key, s.dateAhead = key, dateAhead
	s.requests, s.trouble, s.answered = 0, t, map[string]bool{}
}

// end refuses requests that an ended run may have left in flight, so that nothing
// changes during the checks.
func (s *scripted) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = ""
}

func (s *scripted) now() extract.Second {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, body := s.answer(w.Header(), r)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if status == brokenOff {
		panic(http.ErrAbortHandler)
	}
	if status == brokenIn {
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have disconnected
}

// Faults other than statuses: the connection breaks before the response, or in it.
const brokenOff, brokenIn = -1, -2

func (s *scripted) answer(h http.Header, r *http.Request) (status int, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Header.Get("X-Api-Key") != s.key {
		return brokenOff, nil
	}
	s.requests++
	s.clock += s.trouble.tick
	defer func() { s.clock += s.trouble.lag }()
	h.Set("Date", (s.clock + s.dateAhead).Time().Format(http.TimeFormat))
	if s.requests == s.trouble.stopAt {
		s.trouble.stop()
	}
	kind, cursor := s.trouble.of(s.requests), cmp.Or(r.URL.Query().Get("cursor"), r.URL.Query().Get("offset"))
	if !s.trouble.broken.Intersect(asked(r)).Empty() || s.trouble.brokenIn == r.URL.Query().Get("client_env") {
		return http.StatusUnprocessableEntity, []byte(`{"message":"made-up trouble"}`)
	}
	switch kind {
	case faultBusy, faultBusyLong:
		h.Set("Retry-After", map[fault]string{faultBusy: "0", faultBusyLong: "3600"}[kind])
		return http.StatusTooManyRequests, nil
	case faultUnavailable:
		return http.StatusServiceUnavailable, []byte(`{"message":"made-up trouble"}`)
	case faultBroken:
		return http.StatusInternalServerError, []byte("<html><title>made-up trouble</title></html>")
	case faultReset:
		return brokenOff, nil
	case faultRefused:
		return http.StatusUnauthorized, nil
	case faultStale:
		if cursor != "" {
			return http.StatusBadRequest, []byte(`{"message":"made-up trouble"}`)
		}
	}
	page, next := s.page(r)
	if kind == faultRepeated && cursor != "" {
		next = cursor
	}
	if slices.ContainsFunc(page, func(c *scriptedConversation) bool { return c.as(s.clock).poison == poisonRefused }) {
		return http.StatusInternalServerError, []byte(`{"message":"made-up trouble"}`)
	}
	body = s.body(page, next)
	switch kind {
	case faultCut:
		return brokenIn, body
	case faultMalformed:
		// The damage is a bracket. Equal damage within a string, twice, would be treated
		// as a conversation that the source really returns.
		body[bytes.LastIndexByte(body[:len(body)/2+1], '{')] = '\x01'
		return http.StatusOK, body
	}
	for _, c := range page {
		if c.as(s.clock).poison == poisonQuote {
			break // the rest of the page cannot be framed
		}
		s.answered[c.id] = true
	}
	return http.StatusOK, body
}

func (s *scripted) form() form {
	return form{
		hideTurns:   s.hideTurns,
		hideMetrics: s.hideMetrics,
		percentile:  s.clock % 100,
		reordered:   s.clock/aDay%3 == 0,
	}
}

func (s *scripted) body(page []*scriptedConversation, next string) []byte {
	b := []byte(`{"conversations":[`)
	for i, c := range page {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, c.json(c.as(s.clock), s.form())...)
	}
	if s.habits.offset && next != "" {
		return fmt.Appendf(b, `],"cursor":null,"next_offset":%s}`, next)
	}
	return fmt.Appendf(b, `],"cursor":%q}`, next)
}

// page returns the conversations of a request, newest first. A cursor is the position
// of the last one before it.
func (s *scripted) page(r *http.Request) (page []*scriptedConversation, next string) {
	q := r.URL.Query()
	from, until := ends(r)
	limit, _ := strconv.Atoi(q.Get("limit"))
	if s.habits.lowered {
		limit = min(limit, 2)
	}
	var found []*scriptedConversation
	for _, c := range s.conversations {
		v := c.as(s.clock)
		if v == nil || !v.listed || v.env != q.Get("client_env") {
			continue
		}
		outside := v.start < from || v.start > until || s.habits.exclusive && (v.start == from || v.start == until)
		planned := v.second() > s.clock && asked(r).Until >= s.clock // is also listed among the newest
		if outside && !planned {
			continue
		}
		found = append(found, c)
	}
	place := func(c *scriptedConversation) string { return fmt.Sprintf("%020d %s", c.as(s.clock).start, c.id) }
	slices.SortFunc(found, func(a, b *scriptedConversation) int { return strings.Compare(place(b), place(a)) })
	first, _ := strconv.Atoi(q.Get("offset"))
	first = min(first, len(found))
	if cursor := q.Get("cursor"); cursor != "" {
		for first < len(found) && place(found[first]) >= cursor {
			first++
		}
		if s.habits.overlap && first > 0 {
			first--
		}
	}
	if s.habits.offset {
		offset, _ := strconv.Atoi(q.Get("offset"))
		first = min(offset, len(found))
	}
	page = found[first:min(first+limit, len(found))]
	switch {
	case first+limit >= len(found):
	case s.habits.offset:
		next = strconv.Itoa(first + limit)
	default:
		next = place(page[len(page)-1])
	}
	return page, next
}

// asked returns the span of a request, in whole seconds.
func asked(r *http.Request) extract.Span {
	from, until := ends(r)
	return extract.Span{From: extract.SecondOf(from.Time()), Until: extract.SecondOf(until.Time())}
}

// ends returns the time range of a request.
func ends(r *http.Request) (from, until warehouse.Timestamp) {
	moment := func(name string) warehouse.Timestamp {
		at, err := time.Parse(time.RFC3339Nano, r.URL.Query().Get(name))
		if err != nil || at.Year() < 1 {
			panic(fmt.Sprintf("the request %s has no %s", r.URL, name))
		}
		return warehouse.TimestampOf(at)
	}
	return moment("start_time"), moment("end_time")
}
