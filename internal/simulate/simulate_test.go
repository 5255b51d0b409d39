package simulate

import (
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"
)

var (
	testFrom = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	testTo   = time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	later    = testTo.AddDate(0, 0, 30) // when everything has ended, arrived and been reviewed
)

const listPathOf = "/v3/acme-uk/acme-team-4/conversations"

func testOptions(conversations int) Options {
	return Options{
		Seed: 7, APIKey: "key", Now: func() time.Time { return later },
		Projects: []Project{{
			AccountID:    "acme-uk",
			AccountAlias: "ws-fd112d8f",
			ID:           "acme-team-4",
			Alias:        "PROJECT-58RP822I",
			From:         testFrom,
			To:           testTo,
			TurnsMean:    5,
			Environments: []Environment{{Name: "live", Conversations: conversations}, {Name: "sandbox", Conversations: conversations / 4}},
		}},
	}
}

func newTest(t testing.TB, o Options) *Simulator {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ask sends a request with the correct key.
func ask(t testing.TB, s http.Handler, path string, query url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path+"?"+query.Encode(), nil)
	r.Header.Set("X-Api-Key", "key")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

type answer struct {
	Conversations []json.RawMessage `json:"conversations"`
	Cursor        *string           `json:"cursor"`
	NextOffset    *int              `json:"next_offset"`
}

func askPage(t testing.TB, s http.Handler, query url.Values) answer {
	t.Helper()
	w := ask(t, s, listPathOf, query)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", query.Encode(), w.Code, w.Body)
	}
	return answerOf(t, w)
}

func answerOf(t testing.TB, w *httptest.ResponseRecorder) (a answer) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return a
}

// walk follows the cursors of a query to the end.
func walk(t testing.TB, s http.Handler, query url.Values) iter.Seq[answer] {
	return func(yield func(answer) bool) {
		query := clone(query)
		for {
			a := askPage(t, s, query)
			if !yield(a) || a.Cursor == nil {
				return
			}
			query.Set("cursor", *a.Cursor)
		}
	}
}

func clone(v url.Values) url.Values {
	c := url.Values{}
	for name, values := range v {
		c[name] = values
	}
	return c
}

func idsOf(t testing.TB, s http.Handler, query url.Values) []string {
	t.Helper()
	var ids []string
	for a := range walk(t, s, query) {
		for _, c := range a.Conversations {
			var v struct{ ID string }
			if err := json.Unmarshal(c, &v); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, v.ID)
		}
	}
	return ids
}

func BenchmarkList(b *testing.B) {
	o := testOptions(100_000)
	o.Projects[0].TurnsMean = 15
	s := newTest(b, o)
	r := httptest.NewRequest(http.MethodGet, listPathOf+"?limit=1000&include_latency=true", nil)
	r.Header.Set("X-Api-Key", "key")
	conversations := 0
	for b.Loop() {
		w := discard{http.Header{}, new(int64)}
		s.ServeHTTP(w, r)
		b.SetBytes(*w.n)
		conversations += 1000
	}
	b.ReportMetric(float64(conversations)/b.Elapsed().Seconds(), "conversations/s")
}

type discard struct {
	header http.Header
	n      *int64
}

func (d discard) Header() http.Header { return d.header }
func (d discard) WriteHeader(int)     {}
func (d discard) Write(p []byte) (int, error) {
	*d.n += int64(len(p))
	return io.Discard.Write(p)
}
