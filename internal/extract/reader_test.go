package extract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"convsync/internal/polyai"
	"convsync/internal/ratelimit"
	"convsync/internal/simulate"
)

// reading starts a source and returns a reader of it.
func reading(t testing.TB, source http.Handler) *Reader {
	t.Helper()
	r, end := readingUntil(t, source)
	t.Cleanup(end)
	return r
}

// anyPermits is a semaphore that never blocks.
var anyPermits = semaphore.NewWeighted(math.MaxInt64)

// newSession begins a session without a rate limit.
func newSession() *Session { return NewSession(ratelimit.NewBudget(ratelimit.BudgetOptions{})) }

// fataler is implemented by tests and benchmarks.
type fataler interface{ Fatal(args ...any) }

// readingUntil is like reading, but the caller closes the source with end.
func readingUntil(t fataler, source http.Handler) (r *Reader, end func()) {
	server := httptest.NewServer(source)
	client := newClient(t, server.URL, "v3")
	r = &Reader{
		Source:      client,
		AccountID:   "acme-uk",
		ProjectID:   "acme-team-4",
		Environment: "live",
		PageSize:    10,
		Session:     newSession(),
		Slots:       semaphore.NewWeighted(4),
		Walks:       semaphore.NewWeighted(4),
		Stats:       &Stats{},
		Backoff:     time.Millisecond,
	}
	return r, func() {
		client.Close()
		server.Close()
	}
}

func newTestClient(t *testing.T, url, version string) *polyai.Client {
	t.Helper()
	client := newClient(t, url, version)
	t.Cleanup(client.Close)
	return client
}

func newClient(t fataler, url, version string) *polyai.Client {
	client, err := polyai.New(polyai.Options{
		BaseURL: url, APIVersion: version, Key: func(context.Context, bool) (string, error) { return "made-up-key", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// collector records the ids that a reader emits.
type collector struct {
	mu  sync.Mutex
	ids map[string]int
}

func (c *collector) emit(_ context.Context, chunk *Chunk) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for v := range chunk.Values() {
		var conversation struct{ ID string }
		if err := json.Unmarshal(v, &conversation); err != nil {
			return err
		}
		c.ids[conversation.ID]++
	}
	return nil
}

func newCollector() *collector { return &collector{ids: map[string]int{}} }

// pages is a source of three pages with cursors; fault may respond instead.
func pages(fault func(w http.ResponseWriter, r *http.Request, nth int64) bool) http.Handler {
	var requests atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fault != nil && fault(w, r, requests.Add(1)) {
			return
		}
		const start = `"started_at":"2026-06-01T00:00:00Z"`
		switch r.URL.Query().Get("cursor") {
		case "":
			fmt.Fprintf(w, `{"conversations":[{"id":"a",%s},{"id":"b",%[1]s}],"cursor":"2"}`, start)
		case "2":
			fmt.Fprintf(w, `{"conversations":[{"id":"b",%s},{"id":"c",%[1]s}],"cursor":"3"}`, start)
		case "3":
			fmt.Fprintf(w, `{"conversations":[{"id":"d",%s}],"cursor":null}`, start)
		}
	})
}

var aDay = Span{SecondOf(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)), SecondOf(time.Date(2026, 6, 2, 0, 0, 0, 0, time.UTC))}

func TestReadSpan(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	until := from.AddDate(0, 0, 14)
	simulator, err := simulate.New(simulate.Options{
		Projects: []simulate.Project{{
			AccountID:    "acme-uk",
			ID:           "acme-team-4",
			From:         from,
			To:           until,
			TurnsMean:    2,
			Environments: []simulate.Environment{{Name: "live", Conversations: 3000}},
		}},
		Deviations: simulate.Deviations{PageOverlap: true},
		Now:        func() time.Time { return until.AddDate(0, 1, 0) },
	})
	if err != nil {
		t.Fatal(err)
	}
	r := reading(t, simulator)
	span := Span{SecondOf(from), SecondOf(until.Add(time.Hour))}
	for _, n := range []int{1, 7} {
		got := newCollector()
		if err := r.ReadSpan(t.Context(), span.cut(n), got.emit); err != nil {
			t.Fatal(err)
		}
		if len(got.ids) != 3000 {
			t.Errorf("in %d slices, %d of 3000 conversations were read", n, len(got.ids))
		}
	}
}

func TestReaderWidensRequests(t *testing.T) {
	t.Parallel()
	var asked []string
	r := reading(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("start_time"), r.URL.Query().Get("end_time"))
		io.WriteString(w, `{"conversations":[]}`)
	}))
	if err := r.ReadSpan(t.Context(), []Span{aDay}, newCollector().emit); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(asked, []string{"2026-05-31T23:59:59Z", "2026-06-02T00:00:01Z"}) {
		t.Errorf("requested %v", asked)
	}
}

func TestReaderRetries(t *testing.T) {
	t.Parallel()
	status := func(code int, header string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			if header != "" {
				w.Header().Set("Retry-After", header)
			}
			w.WriteHeader(code)
		}
	}
	body := func(text string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { io.WriteString(w, text) }
	}
	for name, fault := range map[string]func(http.ResponseWriter){
		"429 with seconds":    status(429, "0"),
		"429 with a date":     status(429, time.Now().UTC().Format(http.TimeFormat)),
		"429 with nothing":    status(429, ""),
		"500":                 status(500, ""),
		"502":                 status(502, ""),
		"503":                 status(503, ""),
		"a cut page":          body(`{"conversations":[{"id":"x1","started_at":"2026-06-01T00:00:00Z"}`),
		"a malformed page":    body(`{"conversations":[{"id":"x1"},,]}`),
		"an error with a 200": body(`{"success":false}`),
		"a reset": func(w http.ResponseWriter) {
			w.Write([]byte(`{"conv`))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := reading(t, pages(func(w http.ResponseWriter, _ *http.Request, nth int64) bool {
				if nth != 2 && nth != 3 {
					return false
				}
				fault(w)
				return true
			}))
			got := newCollector()
			if err := r.ReadSpan(t.Context(), []Span{aDay}, got.emit); err != nil {
				t.Fatal(err)
			}
			for _, id := range []string{"a", "b", "c", "d"} {
				if got.ids[id] == 0 {
					t.Errorf("%s was not read", id)
				}
			}
			if r.Stats.Retries.Load() != 2 || r.Stats.Requests.Load() != 5 {
				t.Errorf("%d retries in %d requests", r.Stats.Retries.Load(), r.Stats.Requests.Load())
			}
		})
	}
}

func TestReaderLastingFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault    func(w http.ResponseWriter, r *http.Request, nth int64) bool
		requests int64
		said     string
	}{
		"the key is refused": {func(w http.ResponseWriter, _ *http.Request, _ int64) bool { w.WriteHeader(401); return true }, 1, "401"},
		"no such project":    {func(w http.ResponseWriter, _ *http.Request, _ int64) bool { w.WriteHeader(404); return true }, 1, "404"},
		"always down":        {func(w http.ResponseWriter, _ *http.Request, _ int64) bool { w.WriteHeader(503); return true }, maxAttempts, "gave up after 8 attempts"},
		"long Retry-After": {func(w http.ResponseWriter, _ *http.Request, _ int64) bool {
			w.Header().Set("Retry-After", "7200")
			w.WriteHeader(503)
			return true
		}, 1, "asks to wait 2h"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := reading(t, pages(c.fault))
			err := r.ReadSpan(t.Context(), []Span{aDay}, newCollector().emit)
			if err == nil || !strings.Contains(err.Error(), c.said) || r.Stats.Requests.Load() != c.requests {
				t.Errorf("after %d requests: %v", r.Stats.Requests.Load(), err)
			}
		})
	}
}

func TestReaderStaleCursor(t *testing.T) {
	t.Parallel()
	r := reading(t, pages(func(w http.ResponseWriter, r *http.Request, nth int64) bool {
		if r.URL.Query().Get("cursor") != "3" || nth > 3 {
			return false
		}
		w.WriteHeader(http.StatusBadRequest)
		return true
	}))
	got := newCollector()
	if err := r.ReadSpan(t.Context(), []Span{aDay}, got.emit); err != nil || got.ids["d"] != 1 || got.ids["a"] != 2 {
		t.Errorf("%v, %v", got.ids, err)
	}
}

func TestReaderRepeatedCursor(t *testing.T) {
	t.Parallel()
	r := reading(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"conversations":[],"cursor":"same"}`)
	}))
	err := r.ReadSpan(t.Context(), []Span{aDay}, newCollector().emit)
	if err == nil || r.Stats.Requests.Load() != 2*(maxRestarts+1) {
		t.Errorf("after %d requests: %v", r.Stats.Requests.Load(), err)
	}
}

func TestReadSpanDense(t *testing.T) {
	t.Parallel()
	var spans sync.Map
	r := reading(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		from, _ := time.Parse(time.RFC3339, q.Get("start_time"))
		until, _ := time.Parse(time.RFC3339, q.Get("end_time"))
		page := len(q.Get("cursor"))
		spans.Store(q.Get("start_time")+q.Get("end_time"), until.Sub(from))
		if until.Sub(from) > 13*time.Hour { // a day has more pages than are walked in a row
			fmt.Fprintf(w, `{"conversations":[{"id":"%d"}],"cursor":%q}`, page, strings.Repeat("x", page+1))
			return
		}
		fmt.Fprintf(w, `{"conversations":[{"id":%q}]}`, q.Get("start_time"))
	}))
	got := newCollector()
	if err := r.ReadSpan(t.Context(), []Span{aDay}, got.emit); err != nil || len(got.ids) != recut+maxPages {
		t.Errorf("%v, %v", got.ids, err)
	}
}

func TestReadSpanCanceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r := reading(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	if err := r.ReadSpan(ctx, aDay.cut(3), newCollector().emit); err == nil {
		t.Error("a canceled reading counts as complete")
	}
}

func TestNowServerTime(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 6, 3, 13, 19, 19, 0, time.UTC)
	r := reading(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", want.Format(http.TimeFormat))
		io.WriteString(w, `{"conversations":[]}`)
	}))
	sent := want.Add(-time.Minute)
	r.Clock = func() time.Time { return sent }
	if got, err := r.Now(t.Context(), want.Add(-72*time.Hour)); err != nil || !got.Source.Equal(want) || !got.Sent.Equal(sent) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestReadPartsFailure(t *testing.T) {
	t.Parallel()
	parts := aDay.cut(8)
	bad := parts[3].From + 60
	source := &listing{starts: evenly(400, aDay), now: aDay.Until.Time()}
	r := reading(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, _ := time.Parse(time.RFC3339, r.URL.Query().Get("start_time"))
		until, _ := time.Parse(time.RFC3339, r.URL.Query().Get("end_time"))
		if SecondOf(from) <= bad && bad < SecondOf(until) {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		source.ServeHTTP(w, r)
	}))
	got := newCollector()
	failed, err := r.ReadParts(t.Context(), parts, got.emit, nil)
	if err != nil || len(failed) != 1 || failed[0].Span != parts[3] {
		t.Fatalf("failed %v, %v", failed, err)
	}
	want := []Span{{aDay.From, parts[3].From}, {parts[3].Until, aDay.Until}}
	if whole := Whole(parts, failed); !slices.Equal(whole, want) {
		t.Errorf("read completely: %v, want %v", whole, want)
	}
	for _, start := range source.starts {
		if inAny(want, start) && got.ids[fmt.Sprint(int64(start))] == 0 {
			t.Errorf("%v was not read", start.Time())
		}
	}
}

// Canceling a run is not logged as a failure of the source.
func TestReadPartsCanceled(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	r := reading(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Large enough that the reader reads a part before all of it is written.
		_, _ = io.WriteString(w, `{"conversations":[{"id":"`+strings.Repeat("cut", 8<<20))
		stop()
		<-r.Context().Done()
	}))
	r.Log = func(msg string, args ...any) { t.Errorf("logged: %s %v", msg, args) }
	if failed, err := r.ReadParts(ctx, aDay.cut(8), newCollector().emit, nil); !errors.Is(err, context.Canceled) || len(failed) != 0 {
		t.Errorf("failed %v, %v", failed, err)
	}
}

func TestReadPartsFeedFails(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	r := reading(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	failed, err := r.ReadParts(t.Context(), aDay.cut(64), newCollector().emit, nil)
	if !polyai.IsAuth(err) || len(failed) != 0 || asked.Load() > 8 { // four at once, and as many that were about to begin
		t.Errorf("%d requests, failed %v, %v", asked.Load(), failed, err)
	}
	broken := errors.New("made up: the disk is full")
	source := &listing{starts: evenly(400, aDay), now: aDay.Until.Time()}
	failed, err = reading(t, source).ReadParts(t.Context(), aDay.cut(64), func(context.Context, *Chunk) error { return broken }, nil)
	if !errors.Is(err, broken) || len(failed) != 0 {
		t.Errorf("failed %v, %v", failed, err)
	}
}
