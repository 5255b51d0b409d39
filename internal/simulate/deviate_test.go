package simulate

import (
	"bytes"
	"encoding/json"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// lax reads JSON with duplicate names and invalid UTF-8, as the API sends it.
var lax = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// items returns the values of all pages of the list, page by page.
func items(t testing.TB, s *Simulator, query url.Values) (pages [][]jsontext.Value) {
	t.Helper()
	query = clone(query)
	for {
		w := ask(t, s, listPathOf, query)
		d := jsontext.NewDecoder(bytes.NewReader(w.Body.Bytes()), lax...)
		var page []jsontext.Value
		for range 3 { // {"conversations":[
			token(t, d)
		}
		for d.PeekKind() != ']' {
			v, err := d.ReadValue()
			if err != nil {
				t.Fatalf("in a page: %v", err)
			}
			page = append(page, v.Clone())
		}
		pages = append(pages, page)
		token(t, d)
		token(t, d) // "cursor"
		next := token(t, d)
		token(t, d)
		token(t, d)
		token(t, d) // }
		if next.Kind() == 'n' {
			return pages
		}
		query.Set("cursor", next.String())
	}
}

func token(t testing.TB, d *jsontext.Decoder) jsontext.Token {
	t.Helper()
	v, err := d.ReadToken()
	if err != nil {
		t.Fatalf("a page is not valid JSON: %v", err)
	}
	return v.Clone()
}

func with(conversations int, d Deviations) Options {
	o := testOptions(conversations)
	o.Deviations = d
	return o
}

func TestDeviations_ValidJSON(t *testing.T) {
	t.Parallel()
	const n = 1_000
	s := newTest(t, with(n, AllDeviations()))
	count := 0
	for _, page := range items(t, s, url.Values{"limit": {"150"}, "include_latency": {"true"}}) {
		count += len(page)
	}
	if count < n {
		t.Errorf("%d values, want at least %d", count, n)
	}
}

func TestDeviations(t *testing.T) {
	t.Parallel()
	query := url.Values{"limit": {"100"}, "include_latency": {"true"}}
	const n = 1_000
	clean := slices.Concat(items(t, newTest(t, testOptions(n)), query)...)
	of := reflect.TypeFor[Deviations]()
	for i := range of.NumField() {
		t.Run(of.Field(i).Name, func(t *testing.T) {
			t.Parallel()
			var d Deviations
			reflect.ValueOf(&d).Elem().Field(i).SetBool(true)
			if !reflect.ValueOf(AllDeviations()).Field(i).Bool() {
				t.Error("AllDeviations does not include it")
			}
			o := with(n, d)
			if d.LateArrivals {
				return // the next test checks when they are visible
			}
			deviant := slices.Concat(items(t, newTest(t, o), query)...)
			if reflect.DeepEqual(deviant, clean) {
				t.Error("the responses are the same without it")
			}
			if len(deviant) < n {
				t.Errorf("%d of %d conversations", len(deviant), n)
			}
		})
	}
}

func TestDeviations_LateArrivals(t *testing.T) {
	t.Parallel()
	noon := testFrom.Add(15*24*time.Hour + 12*time.Hour)
	countListed := func(d Deviations) int {
		o := with(50_000, d)
		o.Now = func() time.Time { return noon }
		return count(t, newTest(t, o), url.Values{})
	}
	if usual, late := countListed(Deviations{}), countListed(Deviations{LateArrivals: true}); late >= usual {
		t.Errorf("%d conversations are listed, %d when more of them are late", usual, late)
	}
}

func TestDeviations_EveryOddity(t *testing.T) {
	t.Parallel()
	s := newTest(t, with(4_000, AllDeviations()))
	var body bytes.Buffer
	for _, page := range items(t, s, url.Values{"include_latency": {"true"}}) {
		for _, v := range page {
			body.Write(v)
		}
	}
	text := body.String()
	expect := func(table, wire string) {
		if !strings.Contains(text, wire) {
			t.Errorf("%s: never sent: %.80q", table, wire)
		}
	}
	for _, v := range oddTexts {
		expect("texts", v.wire)
	}
	for _, v := range nastyValues {
		expect("state", v.wire)
	}
	for _, v := range metricForms {
		expect("metrics", string(appendQuoted(nil, v.name))+":"+v.wire)
	}
	for _, v := range entityForms {
		expect("entities", `"entities":`+v.wire)
	}
	for _, v := range intentForms {
		expect("intents", `"intents":`+v.wire)
	}
	for _, v := range scoredForms {
		expect("scores", v.wire)
	}
	for _, v := range append(slices.Clone(unknownOfConversations), unknownOfTurns...) {
		expect("unknown fields", string(v.append(nil, wire)))
	}
	for _, v := range newChannels {
		if v.name != "" {
			expect("channels", `"channel":"`+v.name+`"`)
		}
	}
}

func TestPages_Repeated(t *testing.T) {
	t.Parallel()
	const n = 200
	s := newTest(t, with(n, Deviations{PageOverlap: true}))
	pages := items(t, s, url.Values{"limit": {"30"}})
	distinct := map[string]bool{}
	for i, page := range pages {
		if i > 0 && !bytes.Equal(page[0], pages[i-1][len(pages[i-1])-1]) {
			t.Errorf("page %d does not begin with the last conversation of the one before", i)
		}
		for _, v := range page {
			distinct[string(v)] = true
		}
	}
	if len(distinct) != n || len(pages) < 2 {
		t.Errorf("%d conversations on %d pages", len(distinct), len(pages))
	}
	if single := items(t, s, url.Values{"limit": {"1"}, "start_time": {"2026-03-30"}}); len(single) < 2 {
		t.Error("pages of one conversation repeat")
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	s := newTest(t, with(1_500, Deviations{Unreadable: true}))
	unreadable := map[string]bool{}
	for _, page := range items(t, s, url.Values{}) {
		for _, v := range page {
			var c struct {
				ID    string
				Start string `json:"started_at"`
			}
			if err := json.Unmarshal(v, &c); err != nil || c.ID == "" || !strings.HasPrefix(c.Start, "2026-") {
				unreadable[string(v)] = true
			}
		}
	}
	if want := s.Unreadable("acme-team-4", "live", later); len(unreadable) != want || want == 0 {
		t.Errorf("%d values are not conversations, the count is %d", len(unreadable), want)
	}
	if n := len(truths(s, later)) + len(unreadable); n != 1_500 {
		t.Errorf("%d conversations and unreadable values in total", n)
	}
}

func TestDeviations_IDs(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{}
	longest := 0
	for _, truth := range truths(newTest(t, with(1_000, Deviations{OddIDs: true})), later) {
		ids[truth.ID] = true
		longest = max(longest, len(truth.ID))
	}
	if len(ids) != 1_000 || longest > longestID || longest < longestID-4 {
		t.Errorf("%d ids of up to %d bytes", len(ids), longest)
	}
}

func TestDeviations_NeverEnding(t *testing.T) {
	t.Parallel()
	lifecycles := map[any]int{}
	for _, truth := range truths(newTest(t, with(2_500, Deviations{NeverEnding: true})), later) {
		row := truth.Conversation
		lifecycles[row["lifecycle"]]++
		if row["lifecycle"] == "abandoned" && (row["finished_at"] != nil || row["in_progress"] != true) {
			t.Errorf("%s is abandoned and finished at %v", truth.ID, row["finished_at"])
		}
	}
	if lifecycles["abandoned"] == 0 || lifecycles["open"] != 0 || lifecycles["final"] < 2_450 {
		t.Errorf("a month later: %v", lifecycles)
	}
}
