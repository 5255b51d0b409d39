package extract

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"convsync/internal/polyai"
)

// shelf is a source in which some conversations break each page that contains them.
type shelf struct {
	items     []item
	exclusive bool // start_time and end_time are not inside
	down      func(Span) bool
	requests  atomic.Int64
}

type item struct {
	id    string
	at    polyai.Micros
	fault string // "500", or the text that replaces it on the page; "": none
}

const (
	refused  = "500"
	unquoted = `{"id":"x","note":"said "hello" twice"}`
	notJSON  = `{"id":"x","started_at":"2026-06-01T12:00:00Z","latency":NaN}`
)

func micros(s Second, beyond polyai.Micros) polyai.Micros { return polyai.Micros(s)*1e6 + beyond }

func (i *item) second() Second { return SecondOf(time.UnixMicro(int64(i.at))) }

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	moment := func(name string) polyai.Micros {
		at, err := time.Parse(time.RFC3339Nano, r.URL.Query().Get(name))
		if err != nil {
			panic(err)
		}
		return polyai.Micros(at.UnixMicro())
	}
	from, until := moment("start_time"), moment("end_time")
	if s.down != nil && s.down(Span{Second(from / 1e6), Second(until/1e6) + 1}) {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	var found []item
	for _, i := range s.items {
		if i.at > from && i.at < until || !s.exclusive && (i.at == from || i.at == until) {
			found = append(found, i)
		}
	}
	first, _ := strconv.Atoi(r.URL.Query().Get("offset") + r.URL.Query().Get("cursor"))
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	var page []string
	for _, i := range found[min(first, len(found)):min(first+limit, len(found))] {
		switch i.fault {
		case "":
			page = append(page, fmt.Sprintf(`{"id":%q,"started_at":%q}`, i.id, time.UnixMicro(int64(i.at)).UTC().Format(time.RFC3339Nano)))
		case refused:
			w.WriteHeader(http.StatusInternalServerError)
			return
		default:
			page = append(page, i.fault)
		}
	}
	cursor := "null"
	if first+limit < len(found) {
		cursor = fmt.Sprintf("%q", strconv.Itoa(first+limit))
	}
	fmt.Fprintf(w, `{"conversations":[%s],"cursor":%s}`, strings.Join(page, ","), cursor)
}

// isolating reads the slices with ReadParts and an isolation.
func isolating(t testing.TB, source http.Handler, known ...Span) *Reader {
	r := reading(t, source)
	r.Backoff = time.Microsecond
	r.Isolation = NewIsolation(known)
	return r
}

// good returns the ids of the conversations that can be read.
func (s *shelf) good() (ids []string) {
	for _, i := range s.items {
		if i.fault == "" {
			ids = append(ids, i.id)
		}
	}
	return ids
}

// evenlyAt spreads conversations evenly over a day.
func evenlyAt(n int) (items []item) {
	for i := range n {
		at := aDay.From + aDay.Seconds()*Second(i)/Second(n)
		items = append(items, item{id: fmt.Sprintf("c-%d", i), at: micros(at, 0)})
	}
	return items
}

func TestIsolate(t *testing.T) {
	t.Parallel()
	at := aDay.From + 12*60*60 + 1801
	for name, c := range map[string]struct {
		fault     string
		at        []polyai.Micros
		exclusive bool
		holes     []Second
	}{
		"a whole second":           {refused, []polyai.Micros{micros(at, 0)}, false, []Second{at}},
		"ends exclusive":           {refused, []polyai.Micros{micros(at, 0)}, true, []Second{at}},
		"in a second":              {refused, []polyai.Micros{micros(at, 500_000)}, false, []Second{at}},
		"the last moment":          {refused, []polyai.Micros{micros(at, 999_999)}, true, []Second{at}},
		"the slice's first second": {refused, []polyai.Micros{micros(aDay.From, 0)}, false, []Second{aDay.From}},
		"the slice's last second":  {refused, []polyai.Micros{micros(aDay.Until-1, 7)}, false, []Second{aDay.Until - 1}},
		"midnight":                 {refused, []polyai.Micros{micros(aDay.From+43_200, 0)}, false, []Second{aDay.From + 43_200}},
		"a page beyond framing":    {unquoted, []polyai.Micros{micros(at, 0)}, false, []Second{at}},
		"seconds next to another":  {refused, []polyai.Micros{micros(at, 0), micros(at+1, 0)}, false, []Second{at, at + 1}},
		"far from each other":      {refused, []polyai.Micros{micros(aDay.From+7, 0), micros(at, 0)}, false, []Second{aDay.From + 7, at}},
		"none in the slice":        {refused, []polyai.Micros{micros(aDay.Until, 0)}, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &shelf{items: evenlyAt(8), exclusive: c.exclusive}
			for i, bad := range c.at {
				s.items = append(s.items, item{id: fmt.Sprintf("same-second-%d", i), at: bad}, item{id: "bad", at: bad, fault: c.fault})
			}
			r, got := isolating(t, s), newCollector()
			failed, err := r.ReadParts(t.Context(), []Span{aDay}, got.emit, nil)
			if err != nil {
				t.Fatal(err)
			}
			var holes []Second
			for _, f := range failed {
				if !f.Hole || f.Seconds() != 1 {
					t.Errorf("%s failed: %v", f.Span, f.Err)
				}
				holes = append(holes, f.From)
			}
			slices.Sort(holes)
			if !slices.Equal(holes, c.holes) {
				t.Errorf("holes at %v, want %v", holes, c.holes)
			}
			for _, id := range s.good() {
				if i := slices.IndexFunc(s.items, func(i item) bool { return i.id == id }); s.items[i].second() < aDay.Until && got.ids[id] == 0 {
					t.Errorf("%s was not read", id)
				}
			}
			if n, most := s.requests.Load(), int64(6+40*max(1, len(c.at))); n > most {
				t.Errorf("%d requests, want %d at most", n, most)
			}
			known := isolating(t, s, r.Isolation.Holes()...)
			before := s.requests.Load()
			slices := Without([]Span{aDay}, known.Isolation.Holes())
			if failed, err := known.ReadParts(t.Context(), slices, newCollector().emit, nil); err != nil || len(failed) > 0 {
				t.Errorf("while it is known: %v, %v", failed, err)
			}
			if n := s.requests.Load() - before; c.holes != nil && n != int64(len(slices)) {
				t.Errorf("%d requests for %d slices while it is known", n, len(slices))
			}
		})
	}
}

// Whichever conversations break their pages, all that start in other seconds are
// read, and every recorded hole contains a broken one.
func TestIsolateModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := &shelf{exclusive: rapid.Bool().Draw(t, "exclusive")}
		beyond := rapid.SampledFrom([]polyai.Micros{0, 1, 500_000, 999_999})
		for i := range rapid.IntRange(0, 30).Draw(t, "conversations") {
			at := aDay.From + Second(rapid.SampledFrom([]int{1, 60, 3600}).Draw(t, "unit")*rapid.IntRange(-2, 30).Draw(t, "at"))
			s.items = append(s.items, item{id: fmt.Sprint(i), at: micros(at, beyond.Draw(t, "beyond"))})
		}
		for range rapid.IntRange(0, 3).Draw(t, "bad") {
			bad := item{id: "bad", fault: rapid.SampledFrom([]string{refused, unquoted, notJSON}).Draw(t, "fault")}
			bad.at = micros(aDay.From+Second(rapid.IntRange(0, 100).Draw(t, "bad at")), beyond.Draw(t, "beyond"))
			s.items = append(s.items, bad)
		}
		r, end := readingUntil(t, s)
		defer end()
		r.Backoff, r.Isolation, r.PageSize = time.Microsecond, NewIsolation(nil), rapid.IntRange(1, 5).Draw(t, "page size")
		got := newCollector()
		failed, err := r.ReadParts(context.Background(), aDay.cut(rapid.IntRange(1, 3).Draw(t, "slices")), got.emit, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range s.items {
			inDay := aDay.From <= i.second() && i.second() < aDay.Until
			lost := slices.ContainsFunc(failed, func(f *SpanError) bool {
				return f.From <= i.second() && i.second() < f.Until || f.Hole && i.at == micros(f.From, -1)
			})
			if inDay && !lost && i.fault != refused && i.fault != unquoted && i.fault != notJSON && got.ids[i.id] == 0 {
				t.Fatalf("%s, at %d, was not read; failed: %v", i.id, i.at, failed)
			}
			if inDay && !lost && (i.fault == refused || i.fault == unquoted) {
				t.Fatalf("the bad one at %d is in no hole: %v", i.at, failed)
			}
		}
		for _, f := range failed {
			if f.Hole && !slices.ContainsFunc(s.items, func(i item) bool {
				return i.fault != "" && i.at >= micros(f.From, -1) && i.at <= micros(f.Until, 0)
			}) {
				t.Fatalf("%s is no hole", f.Span)
			}
		}
	})
}

// Found does not return an unconfirmed hole: a concurrent commit of the same feed
// would store it.
func TestIsolateUnconfirmed(t *testing.T) {
	t.Parallel()
	at := aDay.From + 12*60*60 + 1801
	s := &shelf{items: append(evenlyAt(8), item{id: "bad", at: micros(at, 0), fault: refused})}
	r := isolating(t, s)
	supposed := false
	s.down = func(Span) bool { // from the moment when the hole is to be confirmed
		supposed = supposed || len(r.Isolation.Holes()) > 0
		if supposed && len(r.Isolation.Found()) > 0 {
			t.Errorf("found before it was confirmed: %v", r.Isolation.Found())
		}
		return supposed
	}
	failed, err := r.ReadParts(t.Context(), []Span{aDay}, newCollector().emit, nil)
	if err != nil || !supposed || len(r.Isolation.Holes()) > 0 {
		t.Errorf("%v, supposed: %t, holes: %v", err, supposed, r.Isolation.Holes())
	}
	if len(failed) == 0 || slices.ContainsFunc(failed, func(e *SpanError) bool { return e.Hole }) {
		t.Errorf("failed: %v", failed)
	}
}

func TestIsolateOutage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		down func(Span) bool
		most int64
	}{
		"everything":     {func(Span) bool { return true }, maxAttempts + 2},
		"the whole day":  {func(s Span) bool { return s.Until > aDay.From-2*3600 }, maxAttempts + 2},
		"half of a day":  {func(s Span) bool { return !s.Intersect(Span{aDay.From, aDay.From + 43_200}).Empty() }, 40},
		"an hour":        {func(s Span) bool { return !s.Intersect(Span{aDay.From + 7200, aDay.From + 10_800}).Empty() }, 60},
		"the latest day": {func(s Span) bool { return s.Until > aDay.From+100 }, 60},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &shelf{items: evenlyAt(8), down: c.down}
			r := isolating(t, s)
			failed, err := r.ReadParts(t.Context(), []Span{aDay}, newCollector().emit, nil)
			if err != nil {
				t.Fatal(err)
			}
			if holes := r.Isolation.Holes(); len(holes) > 0 {
				t.Errorf("an outage made holes: %v", holes)
			}
			if n := s.requests.Load(); len(failed) == 0 || n > c.most {
				t.Errorf("%d requests, want %d at most; failed: %v", n, c.most, failed)
			}
			if r.Isolation.isOn() {
				t.Error("other slices are isolated, too")
			}
		})
	}
}

// With many broken conversations, each run records a few holes.
func TestIsolateMany(t *testing.T) {
	t.Parallel()
	s := &shelf{items: evenlyAt(40)}
	for i := range s.items {
		if i%4 == 1 {
			s.items[i].fault = refused
		}
	}
	var known []Span
	for run := 1; ; run++ {
		if run > 4 {
			t.Fatalf("after %d runs there are %d holes", run, len(known))
		}
		r := isolating(t, s, known...)
		got := newCollector()
		failed, err := r.ReadParts(t.Context(), Without([]Span{aDay}, known), got.emit, nil)
		if err != nil {
			t.Fatal(err)
		}
		found := r.Isolation.Holes()
		if n := len(found) - len(known); n > mostNewHoles {
			t.Errorf("%d holes in one run", n)
		}
		if known = found; !slices.ContainsFunc(failed, func(f *SpanError) bool { return !f.Hole }) {
			break
		}
	}
	if len(known) != 10 {
		t.Errorf("%d holes, want 10", len(known))
	}
}

// A second that fails only as a large page is read in small pages.
func TestIsolatePageSize(t *testing.T) {
	t.Parallel()
	s := &shelf{items: evenlyAt(8)}
	at := aDay.From + 5000
	for i := range 9 {
		s.items = append(s.items, item{id: fmt.Sprintf("of-many-%d", i), at: micros(at, 0)})
	}
	large := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, _ := time.Parse(time.RFC3339Nano, r.URL.Query().Get("start_time"))
		until, _ := time.Parse(time.RFC3339Nano, r.URL.Query().Get("end_time"))
		if limit, _ := strconv.Atoi(r.URL.Query().Get("limit")); limit > 4 && !from.After(at.Time()) && !until.Before(at.Time()) {
			s.requests.Add(1)
			w.WriteHeader(http.StatusGatewayTimeout)
			return
		}
		s.ServeHTTP(w, r)
	})
	got := newCollector()
	failed, err := isolating(t, large).ReadParts(t.Context(), []Span{aDay}, got.emit, nil)
	if err != nil || len(failed) > 0 || len(got.ids) != len(s.items) {
		t.Errorf("%d of %d were read; failed: %v, %v", len(got.ids), len(s.items), failed, err)
	}
}

func TestBrokenConversation(t *testing.T) {
	t.Parallel()
	s := &shelf{items: append(evenlyAt(7), item{"bad", micros(aDay.From+50, 0), notJSON}, item{"bad", micros(aDay.From+51, 0), `{"id":01}`})}
	for name, c := range map[string]struct {
		known    bool
		requests int64
	}{"new": {false, 2}, "known": {true, 1}} {
		t.Run(name, func(t *testing.T) {
			s.requests.Store(0)
			r := isolating(t, s)
			r.IsKnown = func(_ context.Context, digest string) (bool, error) {
				return c.known && (digest == Digest(polyai.Value(notJSON)) || digest == Digest(polyai.Value(`{"id":01}`))), nil
			}
			ids, broken := newCollector(), map[string]int{}
			failed, err := r.ReadParts(t.Context(), []Span{aDay}, func(ctx context.Context, c *Chunk) error {
				for _, v := range c.Broken() {
					broken[string(v)]++
				}
				return ids.emit(ctx, c)
			}, nil)
			if err != nil || len(failed) > 0 || len(ids.ids) != 7 || len(broken) != 2 || broken[notJSON] != 1 {
				t.Errorf("%d were read, broken: %v, failed: %v, %v", len(ids.ids), broken, failed, err)
			}
			if n := s.requests.Load(); n != c.requests {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
		})
	}
}

// A page that is damaged in transit once creates no broken conversation.
func TestBrokenInTransit(t *testing.T) {
	t.Parallel()
	s := &shelf{items: append(evenlyAt(8), item{"bad", micros(aDay.From+50, 0), notJSON})}
	once := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(w, r)
		s.items[8].fault = ""
	})
	ids := newCollector()
	if _, err := isolating(t, once).ReadParts(t.Context(), []Span{aDay}, func(ctx context.Context, c *Chunk) error {
		if len(c.Broken()) > 0 {
			t.Errorf("%s is reported as broken", c.Broken()[0])
		}
		return ids.emit(ctx, c)
	}, nil); err != nil || len(ids.ids) != 9 {
		t.Errorf("%d were read, %v", len(ids.ids), err)
	}
}

func TestReadHole(t *testing.T) {
	t.Parallel()
	at := aDay.From + 50
	s := &shelf{items: append(evenlyAt(8), item{"bad", micros(at, 0), refused}, item{"next", micros(at+1, 0), refused})}
	r := isolating(t, s, Span{at, at + 1}, Span{at + 1, at + 2})
	still, err := r.ReadHole(t.Context(), Span{at, at + 1}, newCollector().emit)
	if still == nil || err != nil || s.requests.Load() != 1 {
		t.Errorf("%v, %v, %d requests", still, err, s.requests.Load())
	}
	s.items[8].fault = ""
	got := newCollector()
	if still, err := r.ReadHole(t.Context(), Span{at, at + 1}, got.emit); still != nil || err != nil || got.ids["bad"] != 1 {
		t.Errorf("%v, %v, read %v", still, err, got.ids)
	}
}
