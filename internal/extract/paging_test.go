package extract

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"convsync/internal/simulate"
)

// listed serves an offsetList over HTTP, and removes a row after each first page.
type listed struct {
	mu     sync.Mutex
	list   offsetList
	shrink int // how often
}

func (l *listed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	rows, link := l.list.answer(offset, limit)
	page := map[string]any{"cursor": nil}
	conversations := []any{}
	for _, row := range rows {
		conversations = append(conversations, map[string]any{"id": fmt.Sprint(row), "started_at": "2026-06-01T00:00:00Z"})
	}
	page["conversations"] = conversations
	if link.OffsetNamed {
		page["next_offset"] = link.Offset
	}
	_ = json.NewEncoder(w).Encode(page) // the client may have disconnected
	if offset == 0 && l.shrink > 0 {
		l.shrink--
		l.list.rows = slices.Delete(l.list.rows, 0, 3)
	}
}

// readingOf returns a reader of a version of the API.
func readingOf(t *testing.T, version string, source http.Handler) *Reader {
	t.Helper()
	r := reading(t, source)
	server := httptest.NewServer(source)
	t.Cleanup(server.Close)
	r.Source = newTestClient(t, server.URL, version)
	return r
}

func TestReaderOffset(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		version string
		listed  *listed
		err     error
	}{
		"LimitLowered":   {"v3", &listed{list: offsetList{numbers(45), 4, namesNext, true}}, nil},
		"LimitLoweredV1": {"v1", &listed{list: offsetList{numbers(45), 4, namesNever, false}}, nil},
		"ShrinksTwice":   {"v2", &listed{list: offsetList{numbers(45), 10, namesNext, false}, shrink: 2}, nil},
		"ShrinksTwiceV3": {"v3", &listed{list: offsetList{numbers(45), 10, namesNext, true}, shrink: 2}, nil},
		"ShrinksAlways":  {"v2", &listed{list: offsetList{numbers(45), 10, namesNext, false}, shrink: 10}, errListChanged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := readingOf(t, c.version, c.listed)
			got := newCollector()
			failed, err := r.ReadParts(t.Context(), []Span{{aDay.From, aDay.From + 1}}, got.emit, nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.err != nil {
				if len(failed) != 1 || !errors.Is(failed[0], c.err) || r.Stats.Requests.Load() != 2*(maxRestarts+1) {
					t.Errorf("failed %v after %d requests, want %v", failed, r.Stats.Requests.Load(), c.err)
				}
				return
			}
			for _, row := range c.listed.list.rows {
				if got.ids[fmt.Sprint(row)] == 0 {
					t.Errorf("row %d was not read; failed: %v", row, failed)
				}
			}
		})
	}
}

// A source whose pages have no end causes a limited number of requests.
func TestReaderEndless(t *testing.T) {
	t.Parallel()
	row := func(id int) string {
		return fmt.Sprintf(`{"id":"%d","started_at":"2026-06-01T00:00:%02dZ"}`, id, id%60)
	}
	for name, c := range map[string]struct {
		page func(n int) string // of request n, from 1
		err  error
		most int64
	}{
		"FreshCursorEmptyPages": {func(n int) string {
			if n > 3 {
				return fmt.Sprintf(`{"conversations":[],"cursor":"%d"}`, n)
			}
			return fmt.Sprintf(`{"conversations":[%s],"cursor":"%d"}`, row(n), n)
		}, errNothingNew, 8},
		"FreshCursorSamePage": {func(n int) string { return fmt.Sprintf(`{"conversations":[%s],"cursor":"%d"}`, row(1), n) }, errNothingNew, 6},
		"CursorsCycle":        {func(n int) string { return fmt.Sprintf(`{"conversations":[%s],"cursor":"%d"}`, row(n%3), n%3) }, errCursorRepeated, 16},
		"OffsetIgnored":       {func(int) string { return `{"conversations":[` + row(1) + `,` + row(2) + `],"next_offset":2}` }, errNothingNew, 6},
		"FewRowsEachPage": {func(n int) string {
			if n == 1 {
				rows := row(0)
				for i := range 499 {
					rows += "," + row(i+1)
				}
				return `{"conversations":[` + rows + `],"cursor":"1"}`
			}
			if n%5 != 0 {
				return fmt.Sprintf(`{"conversations":[],"cursor":"%d"}`, n)
			}
			return fmt.Sprintf(`{"conversations":[%s],"cursor":"%d"}`, row(1000+n), n)
		}, errTooManyPages, 340},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			n := 0
			r := reading(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				n++
				fmt.Fprint(w, c.page(n))
			}))
			failed, err := r.ReadParts(t.Context(), []Span{{aDay.From, aDay.From + 1}}, newCollector().emit, nil)
			if err != nil || len(failed) != 1 || !errors.Is(failed[0], c.err) || r.Stats.Requests.Load() > c.most {
				t.Errorf("failed %v, %v after %d requests, want %v", failed, err, r.Stats.Requests.Load(), c.err)
			}
		})
	}
}

// mayFail says whether slices may fail. All conversations outside of failed slices are read.
type mayFail int

const (
	never mayFail = iota
	perhaps
	always
)

// TestReaderSimulated reads the simulator with each kind of pagination and each of its faults.
func TestReaderSimulated(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	until := from.AddDate(0, 0, 7)
	for name, c := range map[string]struct {
		version string
		change  func(*simulate.Options)
		fails   mayFail
	}{
		"LimitLowered": {"v3", func(o *simulate.Options) { o.PageRows = 3 }, never},
		"Offset":       {"v3", func(o *simulate.Options) { o.PageRows, o.Paging = 3, simulate.PagingOffset }, never},
		"V1":           {"v1", func(*simulate.Options) {}, never},
		"V2Unnamed":    {"v2", func(o *simulate.Options) { o.PageRows, o.Paging = 3, simulate.PagingUnnamed }, never},
		"V2Shrinks": {"v2", func(o *simulate.Options) {
			o.Faults.Share = map[simulate.Fault]float64{simulate.EraseFirst: 0.05}
		}, perhaps},
		"FreshCursor": {"v3", func(o *simulate.Options) {
			o.Faults.Share = map[simulate.Fault]float64{simulate.FreshCursor: 1}
		}, always},
		"CycleCursor": {"v3", func(o *simulate.Options) {
			o.Faults.Share = map[simulate.Fault]float64{simulate.CycleCursor: 1}
		}, always},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := simulate.Options{
				Projects: []simulate.Project{{
					AccountID:    "acme-uk",
					ID:           "acme-team-4",
					From:         from,
					To:           until,
					TurnsMean:    1,
					Environments: []simulate.Environment{{Name: "live", Conversations: 400}},
				}},
				Now: func() time.Time { return until.AddDate(0, 1, 0) },
			}
			c.change(&o)
			source, err := simulate.New(o)
			if err != nil {
				t.Fatal(err)
			}
			r := readingOf(t, c.version, source)
			got := newCollector()
			slices := Span{SecondOf(from), SecondOf(until) + 3600}.cut(8)
			failed, err := r.ReadParts(t.Context(), slices, got.emit, nil)
			if err != nil || c.fails != perhaps && (len(failed) > 0) != (c.fails == always) || r.Stats.Requests.Load() > 400 {
				t.Fatalf("%d requests, failed %v, %v", r.Stats.Requests.Load(), failed, err)
			}
			listed := 0
			for conversation := range source.Truth("acme-team-4", "live", o.Now()) {
				listed++
				read := inAny(Whole(slices, failed), SecondOf(conversation.Conversation["started_at"].(time.Time)))
				if read && got.ids[conversation.ID] == 0 {
					t.Errorf("%s was not read, and nothing was reported", conversation.ID)
				}
			}
			if listed < 300 {
				t.Errorf("only %d conversations are left", listed)
			}
		})
	}
}

// Once a source is known to return a cursor with every page, each slice takes little more
// than one request.
func TestReaderEndlessEverywhere(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	r := reading(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"conversations":[],"cursor":"%d"}`, requests.Add(1))
	}))
	failed, err := r.ReadParts(t.Context(), aDay.cut(64), newCollector().emit, nil)
	if err != nil || len(failed) != 64 || requests.Load() > 64+7*maxIdlePages {
		t.Errorf("%d requests, %d of 64 slices failed, %v", requests.Load(), len(failed), err)
	}
}
