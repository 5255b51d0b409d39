package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/pipeline"
	"convsync/internal/polyai"
	"convsync/internal/ratelimit"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

var (
	feed  = load.Feed{ProjectID: "acme-team-4", Environment: "live"}
	rules = transform.Options{
		AccountID:   "acme-uk",
		ProjectID:   "acme-team-4",
		Environment: "live",
		APIVersion:  "v3",
		Audio:       []transform.AudioKind{{Direction: "combined", Redacted: true}},
	}
)

// at returns an hour of the verified day.
func at(hour int) time.Time { return time.Date(2026, 6, 1, hour, 0, 0, 0, time.UTC) }

func hours(from, until int) extract.Span {
	return extract.Span{From: extract.SecondOf(at(from)), Until: extract.SecondOf(at(until))}
}

func read(from, until int) load.Range {
	return load.Range{From: warehouse.TimestampOf(at(from)), Until: warehouse.TimestampOf(at(until))}
}

// conversation returns a conversation of the source that started at an hour.
func conversation(id string, hour int, note string) json.RawMessage {
	return fmt.Appendf(nil, `{"id":%q,"started_at":%q,"total_duration":60,"note":%q,"turns":[{"user_input":"a made-up question"}]}`,
		id, at(hour).Format(time.RFC3339), note)
}

// archive is the memory destination, in which a range can be damaged.
type archive struct {
	*memory.Destination
	damaged load.Range
}

// Read reports the damage after the rows of the range that can be read.
func (a *archive) Read(ctx context.Context, f load.Feed, from, until warehouse.Timestamp, yield func(*warehouse.Rows) error) error {
	d := a.damaged
	if d.Until == 0 || d.From < from || d.From >= until {
		return a.Destination.Read(ctx, f, from, until, yield)
	}
	if err := a.Destination.Read(ctx, f, from, d.Until, yield); err != nil {
		return err
	}
	return &load.DamagedError{From: d.From, Until: d.Until, Err: errors.New("made up: damaged")}
}

// change changes a stored conversation, without its hash.
func (a *archive) change(id string, change func(*warehouse.Rows)) {
	a.Edit(func(d *memory.Data) { change(d.Conversations[memory.ID{feed.ProjectID, id}]) })
}

func holding(t *testing.T, conversations ...json.RawMessage) *archive {
	t.Helper()
	a := &archive{Destination: memory.New()}
	for _, c := range conversations {
		r, _, err := transform.Rows(polyai.Value(c), &rules, 0)
		if err != nil {
			t.Fatal(err)
		}
		r.Conversation.ContentHash = r.Hash()
		r.Conversation.TurnsLoaded = int64(len(r.Turns))
		a.Edit(func(d *memory.Data) { d.Put(r) })
	}
	return a
}

// listing returns a feed whose source lists the conversations.
func listing(t *testing.T, conversations ...json.RawMessage) *pipeline.Feed {
	t.Helper()
	page, err := json.Marshal(map[string]any{"conversations": conversations})
	if err != nil {
		t.Fatal(err)
	}
	return feedOf(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page) })
}

// feedOf returns a feed of a source.
func feedOf(t *testing.T, source http.HandlerFunc) *pipeline.Feed {
	t.Helper()
	server := httptest.NewServer(source)
	t.Cleanup(server.Close)
	client, err := polyai.New(polyai.Options{
		BaseURL: server.URL, Key: func(context.Context, bool) (string, error) { return "made-up-key", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &pipeline.Feed{Feed: feed, Transform: rules, Reader: &extract.Reader{
		Source:      client,
		AccountID:   "acme-uk",
		ProjectID:   "acme-team-4",
		Environment: "live",
		PageSize:    100,
		Session:     extract.NewSession(ratelimit.NewBudget(ratelimit.BudgetOptions{})),
		Slots:       semaphore.NewWeighted(4),
		Walks:       semaphore.NewWeighted(4),
		Stats:       &extract.Stats{},
		Backoff:     time.Millisecond,
	}}
}

// A source that returns fewer rows than requested, and names the next page by
// offset, is read to its end.
func TestFeedLimitLowered(t *testing.T) {
	t.Parallel()
	listed := []json.RawMessage{conversation("a", 1, ""), conversation("b", 2, ""), conversation("c", 3, ""), conversation("d", 4, "")}
	source := feedOf(t, func(w http.ResponseWriter, r *http.Request) {
		offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
		end := min(offset+2, len(listed))
		page := map[string]any{"conversations": listed[min(offset, end):end], "cursor": nil}
		if end < len(listed) {
			page["next_offset"] = end
		}
		_ = json.NewEncoder(w).Encode(page)
	})
	got, err := Feed(t.Context(), source, holding(t, listed[:2]...), []load.Range{read(0, 24)}, nil, hours(0, 24), 0)
	if err != nil || got.Listed != 4 || len(got.Findings) != 2 || got.Same != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFeedKinds(t *testing.T) {
	t.Parallel()
	source := listing(t,
		conversation("same", 1, ""), conversation("edited", 2, "by now"), conversation("lost", 3, ""),
		conversation("in-a-gap", 5, ""), conversation("tampered", 7, ""), conversation("newer", 9, ""), conversation("next-day", 30, ""))
	destination := holding(t, conversation("same", 1, ""), conversation("edited", 2, "before"), conversation("unlisted", 4, ""),
		conversation("tampered", 7, ""))
	destination.change("tampered", func(r *warehouse.Rows) { r.Turns[0].UserInput = "never said" })

	got, err := Feed(t.Context(), source, destination, []load.Range{read(0, 5), read(6, 8)}, nil, hours(0, 24), 0)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]Kind{}
	for _, f := range got.Findings {
		kinds[f.ID] = f.Kind
	}
	want := map[string]Kind{"edited": Differs, "lost": NotStored, "unlisted": NotListed, "in-a-gap": NotRead, "tampered": Tampered}
	if !maps.Equal(kinds, want) {
		t.Errorf("found %v, want %v", kinds, want)
	}
	if got.Listed != 6 || got.Stored != 4 || got.Same != 1 || got.Newer != 1 {
		t.Errorf("%+v", got)
	}

	repairs, mend := Repairs([]*Result{got}, []*Faults{{ProjectID: feed.ProjectID}}, hours(0, 24))
	if len(mend) != 0 {
		t.Errorf("to be mended: %+v", mend)
	}
	repair := repairs[feed]
	if len(repair.Gone) != 1 || repair.Gone[0].ID != "unlisted" {
		t.Errorf("to be marked: %+v", repair.Gone)
	}
	for _, hour := range []int{2, 3, 5, 7} {
		second := extract.SecondOf(at(hour))
		if !slices.Contains(repair.Spans, extract.Span{From: second, Until: second + 1}) {
			t.Errorf("hour %d is not in the repair: %v", hour, repair.Spans)
		}
	}
}

// An id that the source lists under two environments is stored under one.
func TestFeedOtherEnvironment(t *testing.T) {
	t.Parallel()
	sandbox := load.Feed{ProjectID: feed.ProjectID, Environment: "sandbox"}
	destination := holding(t, conversation("both", 1, ""))
	destination.change("both", func(r *warehouse.Rows) { r.Conversation.Environment = sandbox.Environment })
	source := listing(t, conversation("both", 1, ""), conversation("lost", 2, ""))
	got, err := Feed(t.Context(), source, destination, []load.Range{read(0, 24)}, []load.Feed{sandbox}, hours(0, 24), 0)
	if err != nil || got.Elsewhere != 1 || len(got.Findings) != 1 || got.Findings[0].ID != "lost" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFeedMissingListed(t *testing.T) {
	t.Parallel()
	destination := holding(t, conversation("back", 1, ""))
	destination.change("back", func(r *warehouse.Rows) { r.Conversation.MissingSince = warehouse.Some(warehouse.TimestampOf(at(2))) })
	got, err := Feed(t.Context(), listing(t, conversation("back", 1, "")), destination, []load.Range{read(0, 24)}, nil, hours(0, 24), 0)
	if err != nil || got.Same != 0 || len(got.Findings) != 1 || got.Findings[0].Kind != Differs {
		t.Errorf("%+v, %v", got, err)
	}
}

// A row of an older transform version is reported as older until its range is read
// by the current one. A row with the same content is not written again.
func TestFeedOlderShape(t *testing.T) {
	t.Parallel()
	destination := holding(t, conversation("edited", 1, "before"))
	destination.change("edited", func(r *warehouse.Rows) { r.Conversation.Shape = "0" })
	for _, c := range []struct {
		shape         string
		older, differ int
	}{{"0", 1, 0}, {transform.Shape, 0, 1}} {
		covered := read(0, 24)
		covered.Shape = c.shape
		got, err := Feed(t.Context(), listing(t, conversation("edited", 1, "by now")), destination, []load.Range{covered}, nil, hours(0, 24), 0)
		if err != nil || int(got.Older) != c.older || len(got.Findings) != c.differ {
			t.Errorf("read by %s: %+v, %v", c.shape, got, err)
		}
	}
}

// Without any coverage, all listed conversations are reported as not read.
func TestFeedNoCoverage(t *testing.T) {
	t.Parallel()
	got, err := Feed(t.Context(), listing(t, conversation("first", 1, "")), holding(t), nil, nil, hours(0, 24), 0)
	if err != nil || got.Newer != 0 || len(got.Findings) != 1 || got.Findings[0].Kind != NotRead {
		t.Errorf("%+v, %v", got, err)
	}
}

// A conversation that is stored as abandoned is no difference while its start is
// before the age limit.
func TestFeedAgeLimit(t *testing.T) {
	t.Parallel()
	open := json.RawMessage(`{"id":"open","started_at":"` + at(1).Format(time.RFC3339) + `","in_progress":true}`)
	destination := holding(t, open)
	destination.change("open", func(r *warehouse.Rows) { r.Conversation.Lifecycle = warehouse.LifecycleAbandoned })
	for openSince, findings := range map[int]int{1: 1, 2: 0} {
		got, err := Feed(t.Context(), listing(t, open), destination, []load.Range{read(0, 24)}, nil, hours(0, 24), warehouse.TimestampOf(at(openSince)))
		if err != nil || len(got.Findings) != findings {
			t.Errorf("age limit at hour %d: %v, %+v, want %d findings", openSince, err, got.Findings, findings)
		}
	}
}

func TestFeedRefused(t *testing.T) {
	t.Parallel()
	f := listing(t)
	f.Refused = fmt.Errorf("made up: of another account")
	if got, err := Feed(t.Context(), f, holding(t), nil, nil, hours(0, 24), 0); err == nil {
		t.Errorf("%+v", got)
	}
}
