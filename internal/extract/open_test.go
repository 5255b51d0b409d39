package extract

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"convsync/internal/polyai"
)

// listing is a source with conversations that start at the given seconds, listed
// in that order. It records the requests.
type listing struct {
	starts []Second
	now    time.Time

	mu    sync.Mutex
	asked []Span
}

func (l *listing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	from, _ := time.Parse(time.RFC3339, q.Get("start_time"))
	until, _ := time.Parse(time.RFC3339, q.Get("end_time"))
	limit, _ := strconv.Atoi(q.Get("limit"))
	at, _ := strconv.Atoi(q.Get("cursor"))
	l.mu.Lock()
	l.asked = append(l.asked, Span{SecondOf(from), SecondOf(until)})
	l.mu.Unlock()
	w.Header().Set("Date", l.now.UTC().Format(http.TimeFormat))
	fmt.Fprint(w, `{"conversations":[`)
	n, cursor := 0, ""
	for i, start := range l.starts[at:] {
		if start < SecondOf(from) || start >= SecondOf(until) {
			continue
		}
		if n == limit {
			cursor = strconv.Itoa(at + i)
			break
		}
		if n > 0 {
			fmt.Fprint(w, ",")
		}
		n++
		fmt.Fprintf(w, `{"id":"%d","started_at":%q}`, start, start.Time().Format(time.RFC3339))
	}
	fmt.Fprintf(w, `],"cursor":%q}`, cursor)
}

// evenly returns n starts spread over a span, newest first.
func evenly(n int, s Span) []Second {
	starts := make([]Second, n)
	for i := range starts {
		starts[i] = s.Until - 1 - Second(i)*s.Seconds()/Second(n)
	}
	return starts
}

// opened is the result of opening a feed.
type opened struct {
	now time.Time
	*collector
}

func open(t *testing.T, source http.Handler, planned Span, local time.Time) (*opened, TryResult) {
	t.Helper()
	first, err := reading(t, source).Open(t.Context(), Widen(planned, SecondOf(local), planned.From), local)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	o := &opened{first.Source, newCollector()}
	result, err := first.Try(t.Context(), o.emit)
	if err != nil {
		t.Fatal(err)
	}
	return o, result
}

func TestOpenQuietFeed(t *testing.T) {
	t.Parallel()
	local := june(20, 12, 0)
	year := Span{local - 365*Day, local}
	source := &listing{starts: evenly(9, year), now: (local + 7).Time()}
	o, result := open(t, source, year, local.Time())
	if !result.Whole || len(o.ids) != 9 || !o.now.Equal(source.now) || len(source.asked) != 1 {
		t.Errorf("%+v, %d conversations, now %v, asked %v", result, len(o.ids), o.now, source.asked)
	}
}

func TestOpenSlowClock(t *testing.T) {
	t.Parallel()
	local := june(20, 12, 0)
	now := local + 24*3600
	source := &listing{starts: []Second{now - 1, local + 60, local - 60}, now: now.Time()}
	o, result := open(t, source, Span{local - 3600, local}, local.Time())
	if !result.Whole || len(o.ids) != 3 || SecondOf(o.now) != now {
		t.Errorf("%+v, %v, now %v", result, o.ids, o.now)
	}
}

func TestTryDense(t *testing.T) {
	t.Parallel()
	local := june(20, 12, 0)
	month := Span{local - 30*Day, local}
	for _, c := range []struct {
		pages int // of 10 conversations
		whole bool
	}{{2, true}, {16, true}, {40, false}, {4000, false}} {
		for name, order := range map[string]func([]Second){"newest": func([]Second) {}, "oldest": slices.Reverse[[]Second]} {
			t.Run(fmt.Sprintf("%d pages, %s first", c.pages, name), func(t *testing.T) {
				t.Parallel()
				source := &listing{starts: evenly(10*c.pages, month), now: local.Time()}
				order(source.starts)
				o, result := open(t, source, month, local.Time())
				if result.Whole != c.whole || result.Whole && len(o.ids) != 10*c.pages {
					t.Fatalf("%+v, %d conversations", result, len(o.ids))
				}
				if !result.Whole && len(source.asked) != 1 {
					t.Errorf("%d pages were discarded", len(source.asked))
				}
				density := float64(10*c.pages) / float64(month.Seconds())
				if ratio := result.Density / density; ratio < 0.8 || ratio > 1.25 {
					t.Errorf("the estimated density is %g, it should be %g", result.Density, density)
				}
			})
		}
	}
}

func TestTryUnordered(t *testing.T) {
	t.Parallel()
	local := june(20, 12, 0)
	month := Span{local - 30*Day, local}
	source := &listing{starts: evenly(450, month), now: local.Time()}
	for i := range source.starts { // a fixed shuffle
		j := i * 7919 % (i + 1)
		source.starts[i], source.starts[j] = source.starts[j], source.starts[i]
	}
	if o, result := open(t, source, month, local.Time()); result.Whole && len(o.ids) != 450 {
		t.Errorf("%+v, %d of 450 conversations", result, len(o.ids))
	}
}

func TestOpenTooLarge(t *testing.T) {
	t.Parallel()
	local := june(20, 12, 0)
	source := &listing{now: local.Time()}
	o, result := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("limit") != "1" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		source.ServeHTTP(w, r)
	}), Span{local - 30*Day, local}, local.Time())
	if result.Whole || !o.now.Equal(source.now) {
		t.Errorf("%+v, now %v", result, o.now)
	}
}

func TestOpenFeedFails(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound} {
		r := reading(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		first, err := r.Open(t.Context(), aDay, aDay.Until.Time())
		if err == nil || first != nil || r.Stats.Requests.Load() != 1 || polyai.IsAuth(err) != (status != http.StatusNotFound) {
			t.Errorf("%d: %v after %d requests", status, err, r.Stats.Requests.Load())
		}
	}
}

func TestWiden(t *testing.T) {
	t.Parallel()
	const local = Second(1_000_000)
	for _, c := range []struct{ planned, want Span }{
		{Span{900_000, local}, Span{900_000 - clockSlack, local + aheadOfClock}},
		{Span{500_010, local}, Span{500_000, local + aheadOfClock}},
		{Span{400_000, 450_000}, Span{400_000, 450_000}}, // a backfill before the start
		{Span{700_000, 800_000}, Span{700_000 - clockSlack, 800_000}},
		{Span{}, Span{}},
	} {
		if got := Widen(c.planned, local, 500_000); got != c.want {
			t.Errorf("%v is asked for as %v, want %v", c.planned, got, c.want)
		}
	}
}

// Server time is known before the conversations of the response are read, and
// they are read without another request.
func TestOpenHandsOver(t *testing.T) {
	t.Parallel()
	local := june(20, 12, 0)
	planned := make(chan struct{})
	plan := sync.OnceFunc(func() { close(planned) })
	var asked atomic.Int64
	r := reading(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Date", (local + 7).Time().Format(http.TimeFormat))
		http.NewResponseController(w).Flush()
		<-planned
		fmt.Fprint(w, `{"conversations":[{"id":"a","started_at":"2026-06-20T11:00:00Z"}]}`)
	}))
	defer plan()
	first, err := r.Open(t.Context(), Span{local - Day, local}, local.Time())
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if SecondOf(first.Source) != local+7 || r.Stats.Conversations.Load() != 0 {
		t.Errorf("server time %v, %d conversations were read", first.Source, r.Stats.Conversations.Load())
	}
	plan()
	got := newCollector()
	result, err := first.Try(t.Context(), got.emit)
	if err != nil || !result.Whole || got.ids["a"] != 1 || asked.Load() != 1 {
		t.Errorf("%v, %+v, %v, %d requests", err, result, got.ids, asked.Load())
	}
	wantNoPermits(t, r)
}

// A first page that breaks off is requested again.
func TestOpenBreaksOff(t *testing.T) {
	t.Parallel()
	local := june(20, 12, 0)
	var asked atomic.Int64
	r := reading(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"conversations":[{"id":"a","started_at":"2026-06-20T11:00:00Z"}`)
		if asked.Add(1) < maxAttempts {
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		fmt.Fprint(w, `]}`)
	}))
	first, err := r.Open(t.Context(), Span{local - Day, local}, local.Time())
	if err != nil {
		t.Fatal(err)
	}
	got := newCollector()
	result, err := first.Try(t.Context(), got.emit)
	if err != nil || !result.Whole || got.ids["a"] == 0 || asked.Load() != maxAttempts {
		t.Errorf("%v, %+v, %v, %d requests", err, result, got.ids, asked.Load())
	}
	wantNoPermits(t, r)
}

// A run that cannot use the first page gives its permit back.
func TestOpenClosed(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]Span{"Page": aDay, "Empty": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := reading(t, pages(nil))
			first, err := r.Open(t.Context(), ask, aDay.Until.Time())
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				first.Close()
			}
			wantNoPermits(t, r)
			if r.Stats.Requests.Load() != 1 {
				t.Errorf("%d requests", r.Stats.Requests.Load())
			}
		})
	}
}

// wantNoPermits checks that no request of a reader occupies a permit.
func wantNoPermits(t *testing.T, r *Reader) {
	t.Helper()
	if _, _, inFlight := r.Session.budget.Use(time.Now()); inFlight != 0 || !r.Slots.TryAcquire(4) {
		t.Errorf("%d requests in flight, or a permit was not released", inFlight)
	}
}
