package loadtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// archiveChecks check the reading of single conversations.
var archiveChecks = []check{
	{"archive/read with all parts", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p", "q")
		rows := spread()
		rows = append(rows, Conversation("p", "odd", Noon, Turns(0), NoMetrics("")), Conversation("p", "gone", Noon, Open()),
			Conversation("p", "hidden", Noon, Hidden(warehouse.Null[int64]{})))
		b.load(rows...)
		b.load(Conversation("p", "moved", Noon))
		b.load(Conversation("p", "moved", Noon.AddDate(0, 0, 5), Note("moved")))
		b.miss(live("p"), load.Key{ID: "gone", StartedAt: warehouse.TimestampOf(Noon)})
		readsAs(t, b.dest, s, live("p"), ever, never)
		b.end()
		reopened := open(t, s)
		defer func() { _ = reopened.Close() }()
		if n := len(readsAs(t, reopened, s, live("p"), ever, never)); n != len(rows)+1 {
			t.Errorf("%d conversations are read, want %d", n, len(rows)+1)
		}
	}},
	{"archive/only this feed", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p", "q")
		b.load(Conversation("p", "a", Noon), Conversation("p", "b", Noon.AddDate(0, 0, 1)))
		b.load(Conversation("p", "c", Noon, In(Sandbox)), Conversation("p", "d", Noon.AddDate(0, 0, 2), In(Sandbox)))
		b.load(Conversation("q", "a", Noon), Conversation("q", "e", Noon))
		for feed, want := range map[load.Feed][]string{
			live("p"): {"a", "b"}, {ProjectID: "p", Environment: Sandbox}: {"c", "d"}, live("q"): {"a", "e"},
			{ProjectID: "q", Environment: Sandbox}: nil, live("unknown"): nil,
		} {
			if got := readsAs(t, b.dest, s, feed, ever, never); !slices.Equal(got, want) {
				t.Errorf("of %+v, Read returned %q, want %q", feed, got, want)
			}
		}
	}},
	{"archive/half-open range", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(spread()...)
		day := time.Date(2024, time.March, 14, 0, 0, 0, 0, time.UTC)
		micro := time.Microsecond
		for _, at := range []struct{ from, until time.Time }{
			{Noon, Noon}, {Noon, Noon.Add(micro)}, {Noon.Add(-micro), Noon}, {Noon.Add(micro), Noon.Add(2 * micro)},
			{day, day.AddDate(0, 0, 1)}, {day.Add(-micro), day}, {day, day.Add(micro)}, {day.AddDate(0, 0, -1), day.AddDate(0, 0, 2)},
			{day.AddDate(0, 0, 1).Add(-micro), day.AddDate(0, 0, 1)}, {Noon, day.AddDate(0, 0, 1).Add(micro)},
			{day.AddDate(0, -1, 0), day.AddDate(0, 2, 0)}, {day.AddDate(-1, 0, 0), day}, {Noon, day.AddDate(1, 0, 0)},
			{Noon.AddDate(0, 0, 10), Noon.AddDate(0, 0, 11)}, {Noon.Add(time.Hour), Noon}, // nothing
		} {
			readsAs(t, b.dest, s, live("p"), warehouse.TimestampOf(at.from), warehouse.TimestampOf(at.until))
		}
	}},
	{"archive/read during a run", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		rows := spread()
		b.load(rows...)
		st := b.next(live("p"))
		b.stage(st, Conversation("p", "staged", Noon.AddDate(3, 0, 0)))
		reader := open(t, s)
		defer func() { _ = reader.Close() }()
		until := warehouse.TimestampOf(Noon.AddDate(2, 0, 0)) // staged rows may be visible, or not
		readsAs(t, reader, s, live("p"), ever, until)
		b.publish(st)
		readsAs(t, reader, s, live("p"), ever, never)
	}},
	{"archive/read while rows are replaced", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		before := spread()
		b.load(before...)
		var after []*warehouse.Rows
		known := map[string][2]*warehouse.Rows{}
		for _, r := range before {
			c := &r.Conversation
			changed := Conversation("p", c.ConversationID, c.StartedAt.Time(), Note("was read"), Turns(5), Metrics("2.5"))
			after, known[c.ConversationID] = append(after, changed), [2]*warehouse.Rows{r, changed}
		}
		reader := open(t, s)
		defer func() { _ = reader.Close() }()
		err := archive(t, reader).Read(t.Context(), live("p"), ever, never, func(r *warehouse.Rows) error {
			if len(known) == len(before)-1 { // the second
				b.load(after...)
			}
			id := r.Conversation.ConversationID
			if old, changed := known[id][0], known[id][1]; Diff(old, r, LoaderSet...) != "" && Diff(changed, r, LoaderSet...) != "" {
				t.Errorf("conversation %q is neither the old nor the new version, or was read twice", id)
			}
			delete(known, id)
			return nil
		})
		if err != nil || len(known) > 0 {
			t.Errorf("%d conversations were not read: %v", len(known), err)
		}
		readsAs(t, reader, s, live("p"), ever, never)
	}},
	{"archive/error of the reader", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(spread()...)
		enough := errors.New("that is enough")
		for _, last := range []int{1, 3} {
			calls := 0
			err := archive(t, b.dest).Read(t.Context(), live("p"), ever, never, func(*warehouse.Rows) error {
				if calls++; calls >= last {
					return enough
				}
				return nil
			})
			if !errors.Is(err, enough) || calls != last {
				t.Errorf("Read returned %v after %d conversations, want the reader's error after %d", err, calls, last)
			}
		}
		readsAs(t, b.dest, s, live("p"), ever, never) // it can be read again
		b.load(Conversation("p", "and written", Noon))
	}},
	{"archive/read canceled", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(spread()...)
		stopped, stop := context.WithCancel(t.Context())
		stop()
		if err := archive(t, b.dest).Read(stopped, live("p"), ever, never, func(*warehouse.Rows) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("Read returned %v, want the error of the context", err)
		}
	}},
	{"archive/empty destination", func(t testing.TB, s Subject) {
		dest := open(t, s)
		defer func() { _ = dest.Close() }()
		readsAs(t, dest, s, live("p"), ever, never)
		hiddenDays(t, dest, live("p"), load.Parts{Transcripts: true, Metrics: true})
		rejected(t, dest, live("p"))
	}},
}

// ever and never are before and after all conversations of the suite.
var (
	ever  = warehouse.TimestampOf(time.Date(1900, time.January, 1, 0, 0, 0, 0, time.UTC))
	never = warehouse.TimestampOf(time.Date(2200, time.January, 1, 0, 0, 0, 0, time.UTC))
)

// spread makes conversations over days and months, some at the same moment, out
// of order.
func spread() []*warehouse.Rows {
	day := time.Date(2024, time.March, 14, 0, 0, 0, 0, time.UTC)
	var rows []*warehouse.Rows
	for i, start := range []time.Time{
		Noon.Add(time.Microsecond), Noon, day.AddDate(0, 0, 1), day, day.Add(-time.Microsecond), Noon.AddDate(0, 1, 0),
		day.AddDate(0, 0, 1).Add(-time.Microsecond), Noon.AddDate(0, 0, -1), Noon.AddDate(-1, 0, 0), Noon.AddDate(1, 0, 0),
		time.Date(2024, time.April, 1, 0, 0, 0, 0, time.UTC), time.Date(2024, time.March, 31, 23, 59, 59, 0, time.UTC),
	} {
		rows = append(rows, Conversation("p", fmt.Sprintf("c-%02d", 40-i), start))
	}
	for _, id := range []string{"b", "B", "ä", "a", "A", "_", "a b"} { // at one moment, in the order of their bytes
		rows = append(rows, Conversation("p", id, Noon, Note(id)))
	}
	return rows
}

// archive returns the destination as a [load.Archive].
func archive(t testing.TB, dest load.Destination) load.Archive {
	t.Helper()
	a, ok := dest.(load.Archive)
	if !ok {
		t.Fatal("the destination is not a load.Archive")
	}
	return a
}

// readsAs checks that Read and Keys return what is stored of a time range, in
// order. It returns the ids.
func readsAs(t testing.TB, dest load.Destination, s Subject, feed load.Feed, from, until warehouse.Timestamp) (ids []string) {
	t.Helper()
	want := dump(t, s).within(feed, from, until)
	var got []*warehouse.Rows
	err := archive(t, dest).Read(t.Context(), feed, from, until, func(r *warehouse.Rows) error {
		got = append(got, Clone(r))
		return nil
	})
	if err != nil || len(got) != len(want) {
		t.Fatalf("Read returned %d conversations from %s until %s, %v; want %d", len(got), from.Time(), until.Time(), err, len(want))
	}
	keys, err := archive(t, dest).Keys(t.Context(), feed, from, until)
	if err != nil || len(keys) != len(want) {
		t.Fatalf("Keys returned %d keys from %s until %s, %v; want %d", len(keys), from.Time(), until.Time(), err, len(want))
	}
	for i := range want {
		if diff := Diff(want[i], got[i]); diff != "" {
			t.Errorf("conversation %d of Read, %q: %s", i, want[i].Conversation.ConversationID, diff)
		}
		key := keyOf(want[i])
		if key.Missing = want[i].Conversation.MissingSince.Valid; keys[i] != key {
			t.Errorf("key %d is %+v, want %+v", i, keys[i], key)
		}
		ids = append(ids, key.ID)
	}
	return ids
}

// within returns the stored conversations of a feed that started within [from,
// until), in the order of start and id.
func (d *Dump) within(feed load.Feed, from, until warehouse.Timestamp) (found []*warehouse.Rows) {
	for _, r := range d.Conversations {
		c := &r.Conversation
		if c.ProjectID == feed.ProjectID && c.Environment == feed.Environment && from <= c.StartedAt && c.StartedAt < until {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, byStart)
	return found
}

// byStart compares by start and id.
func byStart(a, b *warehouse.Rows) int {
	x, y := &a.Conversation, &b.Conversation
	return cmp.Or(cmp.Compare(x.StartedAt, y.StartedAt), cmp.Compare(x.ConversationID, y.ConversationID))
}
