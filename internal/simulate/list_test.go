package simulate

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestNew_Deterministic(t *testing.T) {
	t.Parallel()
	query := url.Values{"limit": {"50"}, "include_latency": {"true"}}
	first := ask(t, newTest(t, testOptions(200)), listPathOf, query).Body.String()
	if again := ask(t, newTest(t, testOptions(200)), listPathOf, query).Body.String(); again != first {
		t.Error("two simulators with the same options return different responses")
	}
	o := testOptions(200)
	o.Seed++
	if other := ask(t, newTest(t, o), listPathOf, query).Body.String(); other == first {
		t.Error("another seed gives the same conversations")
	}
}

func TestList_WindowsAndPages(t *testing.T) {
	t.Parallel()
	const n = 700
	s := newTest(t, testOptions(n))
	all := idsOf(t, s, url.Values{})
	if len(all) != n {
		t.Fatalf("%d conversations, want %d", len(all), n)
	}
	var paged []string
	for day := testTo; day.After(testFrom); day = day.AddDate(0, 0, -3) {
		paged = append(paged, idsOf(t, s, url.Values{
			"start_time": {day.AddDate(0, 0, -3).Format(time.RFC3339)}, "end_time": {day.Format(time.RFC3339)}, "limit": {"7"},
		})...)
	}
	if !slices.Equal(paged, all) {
		t.Errorf("windows in pages of 7 return %d conversations, or another order than the complete list", len(paged))
	}
	slices.Sort(all)
	if len(slices.Compact(all)) != n {
		t.Error("an id is listed twice")
	}
}

func TestList_Offsets(t *testing.T) {
	t.Parallel()
	s := newTest(t, testOptions(60))
	all := idsOf(t, s, url.Values{})
	var paged []string
	for offset := 0; ; {
		a := askPage(t, s, url.Values{"limit": {"25"}, "offset": {strconv.Itoa(offset)}})
		for _, c := range a.Conversations {
			paged = append(paged, string(field(t, c, "id")))
		}
		if a.NextOffset == nil {
			break
		}
		offset = *a.NextOffset
	}
	for i := range all {
		all[i] = strconv.Quote(all[i])
	}
	if !slices.Equal(paged, all) {
		t.Errorf("%d conversations by offset, %d by cursor", len(paged), len(all))
	}
}

func field(t testing.TB, c json.RawMessage, name string) json.RawMessage {
	t.Helper()
	var v map[string]json.RawMessage
	if err := json.Unmarshal(c, &v); err != nil {
		t.Fatal(err)
	}
	return v[name]
}

func TestList_Order(t *testing.T) {
	t.Parallel()
	before := ""
	for a := range walk(t, newTest(t, testOptions(300)), url.Values{"limit": {"100"}}) {
		for _, c := range a.Conversations {
			var at time.Time
			if err := json.Unmarshal(field(t, c, "started_at"), &at); err != nil {
				t.Fatal(err)
			}
			now := at.UTC().Format("2006-01-02T15:04:05.000000")
			if before != "" && now > before {
				t.Fatalf("%s comes after %s", now, before)
			}
			before = now
		}
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	s := newTest(t, testOptions(400))
	all := len(idsOf(t, s, url.Values{}))
	variant := string(field(t, askPage(t, s, url.Values{}).Conversations[0], "variant_id"))
	for _, c := range []struct{ name, parameter, value, field, want string }{
		{"a channel by name", "channel", "WEBCHAT", "channel", `"WEBCHAT"`},
		{"a channel by family", "channel", "voice", "channel", `"VOICE-SIP"`},
		{"a variant by id", "variant_id", strings.Trim(variant, `"`), "variant_id", variant},
		{"a variant by name", "variant_name", "Concise prompt", "variant_name", `"Concise prompt"`},
		{"ended ones", "in_progress", "false", "in_progress", "false"},
		{"another environment", "client_env", "sandbox", "environment", `"sandbox"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := askPage(t, s, url.Values{c.parameter: {c.value}})
			for _, got := range a.Conversations {
				if v := string(field(t, got, c.field)); v != c.want {
					t.Fatalf("%s is %s, want %s", c.field, v, c.want)
				}
			}
			if n := len(a.Conversations); n == 0 || n == all && c.parameter != "in_progress" {
				t.Errorf("%d of %d conversations", n, all)
			}
		})
	}
	two := len(idsOf(t, s, url.Values{"channel": {"WEBCHAT", "VOICE-SIP"}}))
	if one := len(idsOf(t, s, url.Values{"channel": {"WEBCHAT"}})); two <= one || two >= all {
		t.Errorf("two channels return %d conversations, one %d, all %d", two, one, all)
	}
	if n := len(idsOf(t, s, url.Values{"in_progress": {"true"}})); n != 0 {
		t.Errorf("%d conversations in progress long after the last", n)
	}
	if n := len(idsOf(t, s, url.Values{"client_env": {"pre-release"}})); n != 0 {
		t.Errorf("%d conversations in an empty environment", n)
	}
}

func TestList_Latency(t *testing.T) {
	t.Parallel()
	s := newTest(t, testOptions(5))
	if body := ask(t, s, listPathOf, url.Values{}).Body.String(); strings.Contains(body, `"latency"`) {
		t.Error("latency without include_latency")
	}
	if body := ask(t, s, listPathOf, url.Values{"include_latency": {"true"}}).Body.String(); !strings.Contains(body, `"latency":`) {
		t.Error("no latency with include_latency")
	}
}

func TestCursor_Parameters(t *testing.T) {
	t.Parallel()
	s := newTest(t, testOptions(50))
	query := url.Values{"limit": {"10"}, "channel": {"VOICE-SIP"}}
	token := *askPage(t, s, query).Cursor
	for name, q := range map[string]url.Values{
		"another limit":       {"limit": {"11"}, "channel": {"VOICE-SIP"}, "cursor": {token}},
		"one parameter less":  {"limit": {"10"}, "cursor": {token}},
		"another environment": {"limit": {"10"}, "channel": {"VOICE-SIP"}, "client_env": {"sandbox"}, "cursor": {token}},
		"cut off":             {"limit": {"10"}, "channel": {"VOICE-SIP"}, "cursor": {token[:20]}},
		"changed":             {"limit": {"10"}, "channel": {"VOICE-SIP"}, "cursor": {"BBBB" + token[4:]}},
		"made up":             {"limit": {"10"}, "channel": {"VOICE-SIP"}, "cursor": {"!"}},
	} {
		if w := ask(t, s, listPathOf, q); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "INVALID_CURSOR") {
			t.Errorf("%s: status %d", name, w.Code)
		}
	}
	query.Set("cursor", token)
	if w := ask(t, s, "/v3/ws-fd112d8f/PROJECT-58RP822I/conversations", query); w.Code != http.StatusOK {
		t.Errorf("the same project by its other name: %d", w.Code)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	s := newTest(t, testOptions(5))
	for _, c := range []struct {
		name, method, path, key string
		status                  int
		code                    string
	}{
		{"no key", "GET", listPathOf, "", 401, "UNAUTHORIZED"},
		{"another key", "GET", listPathOf, "other", 401, "UNAUTHORIZED"},
		{"another project", "GET", "/v3/acme-uk/other/conversations", "key", 404, "PROJECT_NOT_FOUND"},
		{"another account", "GET", "/v3/other/acme-team-4/conversations", "key", 404, "PROJECT_NOT_FOUND"},
		{"another path", "GET", "/v4/acme-uk/acme-team-4/conversations", "key", 404, "NOT_FOUND"},
		{"another method", "POST", listPathOf, "key", 405, "METHOD_NOT_ALLOWED"},
		{"too large a page", "GET", listPathOf + "?limit=1001", "key", 400, "GET_CONVERSATIONS_INVALID_PARAMETER"},
		{"an empty page", "GET", listPathOf + "?limit=0", "key", 400, "GET_CONVERSATIONS_INVALID_PARAMETER"},
		{"an invalid time", "GET", listPathOf + "?start_time=yesterday", "key", 400, "GET_CONVERSATIONS_INVALID_PARAMETER"},
		{"an unknown environment", "GET", listPathOf + "?client_env=prod", "key", 400, "GET_CONVERSATIONS_INVALID_PARAMETER"},
		{"an invalid boolean", "GET", listPathOf + "?in_progress=maybe", "key", 400, "GET_CONVERSATIONS_INVALID_PARAMETER"},
		{"two ways to name a variant", "GET", listPathOf + "?variant_id=a&variant_name=b", "key", 400, "GET_CONVERSATIONS_INVALID_PARAMETER"},
		{"a broken query", "GET", listPathOf + "?limit=%zz", "key", 400, "BAD_REQUEST"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(c.method, c.path, nil)
			r.Header.Set("X-Api-Key", c.key)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			var e struct {
				Success *bool
				ErrorID string `json:"error_id"`
				Code    string `json:"error_code"`
				Message string `json:"error_message"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
				t.Fatal(err)
			}
			id := w.Header().Get("X-PolyAI-Correlation-Id")
			if w.Code != c.status || e.Code != c.code || e.Success == nil || *e.Success || e.Message == "" || e.ErrorID != id || id == "" {
				t.Errorf("%d %s (correlation id %q)", w.Code, w.Body, id)
			}
		})
	}
}

func TestList_Date(t *testing.T) {
	t.Parallel()
	o := testOptions(5)
	o.ClockSkew = -3 * time.Minute
	date := ask(t, newTest(t, o), listPathOf, nil).Header().Get("Date")
	if want := later.Add(-3 * time.Minute).Format(http.TimeFormat); date != want {
		t.Errorf("Date: %s, want %s", date, want)
	}
}

func TestList_Compressed(t *testing.T) {
	t.Parallel()
	o := testOptions(100)
	o.Gzip = true
	s := newTest(t, o)
	plain := ask(t, s, listPathOf, nil).Body.Bytes()
	r := httptest.NewRequest(http.MethodGet, listPathOf, nil)
	r.Header.Set("X-Api-Key", "key")
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if unpacked, err := io.ReadAll(z); err != nil || !bytes.Equal(unpacked, plain) || w.Header().Get("Content-Encoding") != "gzip" {
		t.Errorf("%d bytes unpacked (%v), %d plain", len(unpacked), err, len(plain))
	}
}

func TestList_InProgress(t *testing.T) {
	t.Parallel()
	now := testFrom.Add(9 * 24 * time.Hour).Add(11 * time.Hour)
	o := testOptions(20_000)
	o.Now = func() time.Time { return now }
	s := newTest(t, o)
	type reported struct {
		ID         string
		InProgress bool  `json:"in_progress"`
		NumTurns   int   `json:"num_turns"`
		Duration   int   `json:"total_duration"`
		Turns      []any `json:"turns"`
		Metrics    map[string]any
	}
	read := func() map[string]reported {
		all := map[string]reported{}
		window := url.Values{"start_time": {testFrom.Add(9*24*time.Hour + 10*time.Hour).Format(time.RFC3339)}, "end_time": {testFrom.Add(9*24*time.Hour + 11*time.Hour).Format(time.RFC3339)}}
		for _, c := range askPage(t, s, window).Conversations {
			var v reported
			if err := json.Unmarshal(c, &v); err != nil {
				t.Fatal(err)
			}
			if v.NumTurns != len(v.Turns) {
				t.Errorf("%s has %d turns and says %d", v.ID, len(v.Turns), v.NumTurns)
			}
			all[v.ID] = v
		}
		return all
	}
	first := read()
	now = now.Add(24 * time.Hour)
	second := read()
	grown := 0
	for id, v := range first {
		after := second[id]
		if after.InProgress {
			t.Errorf("%s does not end", id)
		}
		if !v.InProgress && v.NumTurns != after.NumTurns {
			t.Errorf("%s had ended and changed", id)
		}
		for name, value := range v.Metrics {
			if !reflect.DeepEqual(after.Metrics[name], value) {
				t.Errorf("%s: the metric %s was %v in progress and is %v", id, name, value, after.Metrics[name])
			}
		}
		for i, turn := range v.Turns {
			if !reflect.DeepEqual(turn, after.Turns[i]) {
				t.Errorf("%s: turn %d changes", id, i)
			}
		}
		if v.InProgress && after.NumTurns > v.NumTurns && after.Duration >= v.Duration {
			grown++
		}
	}
	if grown == 0 {
		t.Error("no conversation was in progress and grew")
	}
	if open := askPage(t, s, url.Values{"in_progress": {"true"}}); len(open.Conversations) == 0 {
		t.Error("none in progress at a busy hour")
	}
}

func TestList_LateArrivals(t *testing.T) {
	t.Parallel()
	now := testFrom.Add(10 * 24 * time.Hour)
	o := testOptions(200_000)
	o.Now = func() time.Time { return now }
	s := newTest(t, o)
	window := url.Values{"limit": {"1000"}, "start_time": {now.Add(-10 * 24 * time.Hour).Format(time.RFC3339)}, "end_time": {now.Format(time.RFC3339)}}
	before := count(t, s, window)
	now = now.Add(24 * time.Hour)
	if after := count(t, s, window); after <= before {
		t.Errorf("%d conversations at once, %d a day later", before, after)
	}
}

// count returns the number of conversations of a query.
func count(t testing.TB, s *Simulator, query url.Values) int {
	t.Helper()
	q, err := parseQuery(query, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	l := list{query: q, environment: s.environments[0], now: s.now().UnixMicro()}
	for range l.heads() {
		n++
	}
	return n
}

func TestPhrases_NoEscapes(t *testing.T) {
	t.Parallel()
	for _, s := range everySpoken() {
		for l := range languages {
			for _, p := range []template{s.user[l], s.agent[l]} {
				for _, v := range append(slices.Clone(placeholderValues[s.placeholder][l]), p.before, p.after) {
					if !json.Valid([]byte(`"` + v + `"`)) {
						t.Errorf("%q needs escapes", v)
					}
				}
			}
		}
	}
}

func TestProject_MeanTurns(t *testing.T) {
	t.Parallel()
	o := testOptions(20_000)
	o.Projects[0].TurnsMean = 0 // the default
	s := newTest(t, o)
	sum := 0
	for h := range s.environments[0].between(0, noEnd, 1<<60) {
		sum += h.turns
	}
	if mean := float64(sum) / 20_000; mean < 14.7 || mean > 15.3 {
		t.Errorf("%g turns", mean)
	}
}
