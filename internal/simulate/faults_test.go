package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func faulty(t testing.TB, f Faults) *Simulator {
	t.Helper()
	o := testOptions(100)
	o.Faults = f
	return newTest(t, o)
}

func TestFaults_ByNumber(t *testing.T) {
	t.Parallel()
	s := faulty(t, Faults{At: map[int64]Fault{2: Status500, 3: Status502, 4: Status503, 5: Status429}})
	for i, want := range []int{200, 500, 502, 503, 429, 200} {
		w := ask(t, s, listPathOf, nil)
		if w.Code != want {
			t.Errorf("request %d is answered %d, want %d", i+1, w.Code, want)
		}
		if html := strings.HasPrefix(w.Body.String(), "<html>"); html != (want == 502) {
			t.Errorf("request %d: HTML is %t", i+1, html)
		}
	}
	if n := s.Requests(); n != 6 {
		t.Errorf("%d requests are counted", n)
	}
}

func TestFaults_Shares(t *testing.T) {
	t.Parallel()
	f := Faults{Share: map[Fault]float64{Status500: 0.2, CutBody: 0.1}}
	found := map[Fault]int{}
	for i := range int64(10_000) {
		found[f.of(i, 7)]++
		if first, again := f.of(i, 7), f.of(i, 7); first != again {
			t.Fatal("the same request has another fault")
		}
	}
	if found[Status500] < 1_850 || found[Status500] > 2_150 || found[CutBody] < 900 || found[CutBody] > 1_100 || len(found) != 3 {
		t.Errorf("of 10,000 requests: %v", found)
	}
}

func TestFaults_RetryAfter(t *testing.T) {
	t.Parallel()
	for form, want := range map[RetryAfter]string{
		"": "1", RetryAfterSeconds: "1", RetryAfterMissing: "", RetryAfterDate: later.Add(time.Second).Format(http.TimeFormat),
	} {
		s := faulty(t, Faults{At: map[int64]Fault{1: Status429}, RetryAfter: form})
		if got := ask(t, s, listPathOf, nil).Header().Get("Retry-After"); got != want {
			t.Errorf("%q: Retry-After %q, want %q", form, got, want)
		}
	}
}

func TestFaults_RateLimit(t *testing.T) {
	t.Parallel()
	now := later
	o := testOptions(5)
	o.Now = func() time.Time { return now }
	o.Faults.RateLimit = 2
	s := newTest(t, o)
	for _, step := range []struct {
		passed time.Duration
		want   int
	}{{0, 200}, {0, 200}, {0, 429}, {500 * time.Millisecond, 200}, {0, 429}, {time.Hour, 200}, {0, 200}, {0, 429}} {
		now = now.Add(step.passed)
		if w := ask(t, s, listPathOf, nil); w.Code != step.want {
			t.Errorf("%s later: %d, want %d", step.passed, w.Code, step.want)
		}
	}
}

func TestFaults_Bodies(t *testing.T) {
	t.Parallel()
	whole := ask(t, faulty(t, Faults{}), listPathOf, nil).Body.Bytes()
	for _, fault := range []Fault{CutBody, Malformed, Reset, StallBody} {
		for _, compressed := range []bool{false, true} {
			t.Run(string(fault), func(t *testing.T) {
				t.Parallel()
				o := testOptions(100)
				o.Gzip, o.Faults = compressed, Faults{At: map[int64]Fault{1: fault}, AfterBytes: 5000}
				body, err := fetch(t, newTest(t, o))
				n := min(len(body), 5000)
				// A reset may arrive before the data that was sent before it.
				if n < 5000 && fault != Reset || !bytes.Equal(body[:n], whole[:n]) {
					t.Fatalf("%d bytes were received, %v", len(body), err)
				}
				switch {
				case json.Valid(body):
					t.Error("the body is complete")
				case (fault == CutBody || fault == Malformed) != (err == nil):
					t.Errorf("the body ends with %v", err)
				case fault == Malformed && len(body) < len(whole):
					t.Error("the rest of the body is missing")
				case fault == Reset && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.ErrUnexpectedEOF):
					t.Errorf("the connection ends with %v", err)
				case fault == StallBody && !errors.Is(err, context.Canceled):
					t.Errorf("the stalled body ends with %v", err)
				}
			})
		}
	}
}

// fetch reads a response over a connection. It disconnects after 5,000 bytes if a
// stalled body returns no more.
func fetch(t *testing.T, s *Simulator) ([]byte, error) {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+listPathOf, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Api-Key", "key")
	answer, err := server.Client().Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	first := make([]byte, 5000)
	n, err := io.ReadFull(answer.Body, first)
	if err != nil {
		return first[:n], err
	}
	if s.o.Faults.At[1] == StallBody {
		leave()
	}
	rest, err := io.ReadAll(answer.Body)
	return append(first, rest...), err
}

func TestFaults_Cursors(t *testing.T) {
	t.Parallel()
	s := faulty(t, Faults{At: map[int64]Fault{1: StaleCursor, 2: StaleCursor, 3: RepeatCursor}})
	query := url.Values{"limit": {"10"}}
	token := *askPage(t, s, query).Cursor // a request without a cursor is answered
	query.Set("cursor", token)
	if w := ask(t, s, listPathOf, query); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "INVALID_CURSOR") {
		t.Errorf("a stale cursor is answered %d", w.Code)
	}
	if again := askPage(t, s, query).Cursor; again == nil || *again != token {
		t.Error("the cursor is not repeated")
	}
	if next := askPage(t, s, query).Cursor; next == nil || *next == token {
		t.Error("the cursor is repeated forever")
	}
}

func TestFaults_RevokedKey(t *testing.T) {
	t.Parallel()
	s := faulty(t, Faults{RevokeKeyAfter: 2})
	for i, want := range []int{200, 200, 401, 401} {
		if w := ask(t, s, listPathOf, nil); w.Code != want {
			t.Errorf("request %d is answered %d, want %d", i+1, w.Code, want)
		}
	}
}

func TestFaults_Latency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := faulty(t, Faults{Latency: time.Minute})
		began := time.Now()
		if w := ask(t, s, listPathOf, nil); w.Code != 200 || time.Since(began) != time.Minute {
			t.Errorf("answered %d after %s", w.Code, time.Since(began))
		}
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		began = time.Now()
		s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, listPathOf, nil))
		if time.Since(began) != time.Second {
			t.Errorf("a disconnected client is waited for %s", time.Since(began))
		}
	})
}

func TestNew_Invalid(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*Options){
		"no project":             func(o *Options) { o.Projects = nil },
		"no id":                  func(o *Options) { o.Projects[0].ID = "" },
		"a project twice":        func(o *Options) { o.Projects = append(o.Projects, o.Projects[0]) },
		"an end before":          func(o *Options) { o.Projects[0].To = testFrom },
		"half a turn":            func(o *Options) { o.Projects[0].TurnsMean = 0.5 },
		"an unknown environment": func(o *Options) { o.Projects[0].Environments[0].Name = "prod" },
		"no environment":         func(o *Options) { o.Projects[0].Environments = nil },
		"negative count":         func(o *Options) { o.Projects[0].Environments[0].Conversations = -1 },
		"an unknown fault":       func(o *Options) { o.Faults.At = map[int64]Fault{1: "418"} },
		"an unknown share":       func(o *Options) { o.Faults.Share = map[Fault]float64{"418": 0.1} },
		"more than all":          func(o *Options) { o.Faults.Share = map[Fault]float64{Status500: 0.6, Reset: 0.6} },
		"a negative share":       func(o *Options) { o.Faults.Share = map[Fault]float64{Status500: -0.1} },
		"an unknown Retry-After": func(o *Options) { o.Faults.RetryAfter = "soon" },
		"a negative rate":        func(o *Options) { o.Faults.RateLimit = -1 },
		"an unknown paging":      func(o *Options) { o.Paging = "keyset" },
		"pages of -1":            func(o *Options) { o.PageRows = -1 },
	} {
		o := testOptions(1)
		spoil(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
