package postgres

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

var redacted = load.RecordingKind{Direction: "combined", Redacted: true}

// raw is the recording that [loadtest.Conversation] has a reference of.
var raw = load.RecordingKind{Direction: "combined"}

// result returns a result of a check, as of that hour after noon.
func result(id string, kind load.RecordingKind, availability string, hour int) load.RecordingResult {
	at := warehouse.Some(warehouse.TimestampOf(loadtest.Noon.Add(time.Duration(hour) * time.Hour)))
	return load.RecordingResult{AudioReference: warehouse.AudioReference{
		ConversationID: id,
		Direction:      kind.Direction,
		Redacted:       kind.Redacted,
		Availability:   availability,
		CheckedAt:      at,
		SizeBytes:      warehouse.Some(int64(1000)),
		Checks:         1,
	}}
}

// copyOf is the result of a stored copy.
func copyOf(id string, kind load.RecordingKind, hour int) load.RecordingResult {
	r := result(id, kind, warehouse.AudioAvailable, hour)
	r.SHA256, r.StoredURI, r.StoredAt = "00ff", warehouse.Text("p/"+id+".wav"), r.CheckedAt
	return r
}

func claim(t testing.TB, d *Database, run string) load.RecordingClaim {
	t.Helper()
	c, err := d.ClaimRecordings(t.Context(), load.Owner{RunID: run, Actor: "ada", Host: "host.example.com", ProcessID: 42}, "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func record(t testing.TB, c load.RecordingClaim, results ...load.RecordingResult) []load.RecordingKey {
	t.Helper()
	gone, err := c.Record(t.Context(), results, nil)
	if err != nil {
		t.Fatal(err)
	}
	return gone
}

// storedReferences returns the references of a conversation.
func storedReferences(t testing.TB, d *Database, id string) (found []warehouse.AudioReference) {
	t.Helper()
	err := selectAll(t.Context(), d.pool, &warehouse.AudioReferences, "WHERE conversation_id = $1 ORDER BY redacted", func(a *warehouse.AudioReference) {
		found = append(found, *a)
	}, id)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestBacklog(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	schema := inSchema(t, database, "polyai")
	var rows []*warehouse.Rows
	for i := range 12 {
		rows = append(rows, loadtest.Conversation("p", fmt.Sprintf("c-%02d", i), loadtest.Noon.AddDate(0, 0, -10*(i/2)))) // two of each start
	}
	rows = append(rows, loadtest.Conversation("p", "open", loadtest.Noon, loadtest.Open()), loadtest.Conversation("p", "gone", loadtest.Noon))
	loadOne(t, d, rows...)
	pgtest.Exec(t, schema, "UPDATE conversation_keys SET missing_since = now() WHERE conversation_id = 'gone'")
	loadOne(t, d, loadtest.Conversation("p", "broken", loadtest.Noon), loadtest.Conversation("p", "broken, later", loadtest.Noon.AddDate(0, 0, 1)))
	pgtest.Exec(t, schema, "DELETE FROM conversations WHERE conversation_id LIKE 'broken%'") // a page is full without them
	c := claim(t, d, "run-1")
	var all []load.RecordingResult
	later := result("c-03", raw, warehouse.AudioMissing, 1)
	later.NextCheckAt = warehouse.Some(warehouse.TimestampOf(loadtest.Noon.Add(time.Hour)))
	all = append(all, later, copyOf("c-04", raw, 1), result("c-05", raw, warehouse.AudioAvailable, 1), result("c-06", raw, warehouse.AudioForbidden, 1))
	for i := range 12 {
		enlisted := load.RecordingResult{}
		enlisted.ConversationID, enlisted.Direction, enlisted.Redacted = fmt.Sprintf("c-%02d", i), "combined", true
		all = append(all, enlisted)
	}
	record(t, c, all...)
	noon := warehouse.TimestampOf(loadtest.Noon)
	read := func(b load.Backlog) (ids []string) {
		t.Helper()
		for {
			page, err := d.Backlog(t.Context(), "p", b)
			if err != nil || len(page) > b.Limit {
				t.Fatalf("%d conversations, want %d at most: %v", len(page), b.Limit, err)
			}
			for _, r := range page {
				if r.Environment != loadtest.Live || r.Lifecycle != warehouse.LifecycleFinal || !r.TotalDurationSeconds.Valid {
					t.Errorf("the conversation is %+v", r)
				}
				for _, a := range r.Recordings {
					ids = append(ids, fmt.Sprintf("%s %t", r.ConversationID, a.Redacted)[2:6])
				}
			}
			if len(page) < b.Limit {
				return ids
			}
			last := page[len(page)-1]
			b.Before = load.RecordingPlace{StartedAt: last.StartedAt, ConversationID: last.ConversationID}
		}
	}
	for _, c := range []struct {
		name    string
		backlog load.Backlog
		want    []string
	}{
		{"check", load.Backlog{Kinds: []load.RecordingKind{raw}, DueAt: noon}, []string{"01 f", "00 f", "02 f", "07 f", "09 f", "08 f", "11 f", "10 f"}},
		{"late", load.Backlog{Kinds: []load.RecordingKind{raw}, DueAt: noon + 3600e6}, []string{"01 f", "00 f", "03 f", "02 f", "07 f", "09 f", "08 f", "11 f", "10 f"}},
		{"store", load.Backlog{Kinds: []load.RecordingKind{raw}, DueAt: noon, Store: true}, []string{"01 f", "00 f", "02 f", "05 f", "07 f", "09 f", "08 f", "11 f", "10 f"}},
		{"recheck", load.Backlog{Kinds: []load.RecordingKind{raw}, DueAt: noon, Recheck: []string{"forbidden", "available"}},
			[]string{"01 f", "00 f", "02 f", "05 f", "07 f", "06 f", "09 f", "08 f", "11 f", "10 f"}},
		{"both", load.Backlog{Kinds: []load.RecordingKind{raw, redacted}, DueAt: noon, Before: load.RecordingPlace{StartedAt: noon - 40*86400e6, ConversationID: "c-09"}},
			[]string{"08 f", "08 t", "11 f", "11 t", "10 f", "10 t"}},
		{"other", load.Backlog{Kinds: []load.RecordingKind{{Direction: "user"}}, DueAt: noon, Store: true}, nil},
	} {
		for _, c.backlog.Limit = range []int{1, 3, 100} {
			if got := read(c.backlog); !slices.Equal(got, c.want) {
				t.Errorf("%s, %d at a time: %v, want %v", c.name, c.backlog.Limit, got, c.want)
			}
		}
	}
	counts, err := d.RecordingCounts(t.Context(), map[string][]load.RecordingKind{"p": {raw, redacted}, "q": nil})
	want := load.RecordingCounts{
		Unknown:         24,
		Available:       2,
		Missing:         1,
		Forbidden:       1,
		Stored:          1,
		StoredBytes:     1000,
		Unchecked:       23, // without that of gone
		Unstored:        1,
		OldestUnchecked: noon - 50*86400e6,
		OldestUnstored:  noon - 20*86400e6,
	}
	if err != nil || counts["p"] != want || counts["q"] != (load.RecordingCounts{}) || len(counts) != 2 {
		t.Errorf("counted %+v, %v; want %+v", counts, err, want)
	}
}

func TestRecordings(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	var rows []*warehouse.Rows
	for i := range 9 {
		rows = append(rows, loadtest.Conversation("p", fmt.Sprintf("c-%d", i), loadtest.Noon.Add(time.Duration(i/3)*time.Hour), func(r *warehouse.Rows) {
			if r.Audio[0].Redacted = true; i%2 == 0 {
				r.Audio = append(r.Audio, warehouse.AudioReference{Direction: "user", Availability: warehouse.AudioUnknown},
					warehouse.AudioReference{Direction: "combined", Availability: warehouse.AudioUnknown})
			}
			if i == 4 {
				r.Conversation.ChannelFamily = "chat"
			}
		}))
	}
	loadOne(t, d, rows...)
	pgtest.Exec(t, inSchema(t, database, "polyai"), "DELETE FROM audio_references WHERE conversation_id = 'c-5'")
	read := func(from, until warehouse.Timestamp) (found []string) {
		t.Helper()
		err := d.Recordings(t.Context(), feed, from, until, func(r *load.RecordedConversation) error {
			line := r.ConversationID
			for _, a := range r.Recordings {
				line += fmt.Sprintf(" %s %t", a.Direction[:1], a.Redacted)[:4]
			}
			found = append(found, line)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	noon := warehouse.TimestampOf(loadtest.Noon)
	want := []string{"c-0 c f c t u f", "c-1 c t", "c-2 c f c t u f", "c-3 c t", "c-5", "c-6 c f c t u f", "c-7 c t", "c-8 c f c t u f"}
	if got := read(ever, never); !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
	for size := range 10 { // pages of each size
		var got []string
		at := page{after: ever.Time(), until: never.Time()}
		err := d.recordedPages(t.Context(), feed, at, size+1, func(r *load.RecordedConversation) error {
			got = append(got, r.ConversationID)
			return nil
		})
		if err != nil || len(got) != len(want) || !slices.IsSorted(got) {
			t.Errorf("in pages of %d: read %q, %v", size+1, got, err)
		}
	}
	if got := read(noon+3600e6, noon+7200e6); !slices.Equal(got, want[3:5]) {
		t.Errorf("read %q of an hour, want %q", got, want[3:5])
	}
	stop := errors.New("stop")
	if err := d.Recordings(t.Context(), feed, ever, never, func(*load.RecordedConversation) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the error of yield: %v", err)
	}
}

func TestRemoved(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	loadOne(t, d, loadtest.Conversation("p", "back", loadtest.Noon))
	pgtest.Exec(t, inSchema(t, database, "polyai"), `INSERT INTO changes (sequence, project_id, conversation_id, operation, at, run_id) VALUES
		(11, 'p', 'b', 'delete', now(), ''), (12, 'p', 'back', 'delete', now(), ''), (13, 'p', 'a', 'erase', now(), ''),
		(14, 'p', 'b', 'delete', now(), ''), (15, 'q', 'c', 'delete', now(), ''), (16, 'q', 'd', 'upsert', now(), '')`)
	for after, want := range map[int64][]string{0: {"a", "b"}, 13: {"b"}, 16: nil} {
		if ids, last, err := d.Removed(t.Context(), "p", after); err != nil || !slices.Equal(ids, want) || last != 16 {
			t.Errorf("removed after %d are %v up to %d, %v; want %v", after, ids, last, err, want)
		}
	}
}

// Nothing is listed of a schema without tables.
func TestRecordings_Empty(t *testing.T) {
	t.Parallel()
	d := open(t, Options{URL: fixed(pgtest.URL(t))})
	due, err := d.Backlog(t.Context(), "p", load.Backlog{Kinds: []load.RecordingKind{raw}, Limit: 1})
	_, last, removedErr := d.Removed(t.Context(), "p", 0)
	_, stateErr := d.RecordingState(t.Context(), "p")
	counts, countErr := d.RecordingCounts(t.Context(), map[string][]load.RecordingKind{"p": {raw}})
	if err := errors.Join(err, removedErr, stateErr, countErr); err != nil || len(due) != 0 || last != 0 || counts["p"] != (load.RecordingCounts{}) {
		t.Errorf("%v, %d, %v, %v", due, last, counts, err)
	}
	_, err = d.ClaimRecordings(t.Context(), load.Owner{}, "p")
	wantState(t, err, "convsync migrate")
}
