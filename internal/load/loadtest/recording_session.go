package loadtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// recording is work on the recordings of a project, under its claim.
type recording struct {
	testing.TB
	subject Subject
	project string
	dest    load.Destination
	claim   load.RecordingClaim
	closed  bool
}

// claimRecordings opens the subject once more, and takes the claim on a project.
func claimRecordings(t testing.TB, s Subject, project string) *recording {
	t.Helper()
	dest := s.Open(t, nil)
	claim, err := claimWhenFree(t.Context(), dest, project)
	if err != nil {
		t.Fatalf("ClaimRecordings: %v", err)
	}
	c := &recording{
		TB:      t,
		subject: s,
		project: project,
		dest:    dest,
		claim:   claim,
	}
	t.Cleanup(func() {
		c.close()
		if err := dest.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// claimWhenFree takes the claim on a project. It waits for that of a process that
// was killed: a server frees it when it has noticed the end of the session.
func claimWhenFree(ctx context.Context, dest load.RecordingClaimer, project string) (load.RecordingClaim, error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		claim, err := dest.ClaimRecordings(ctx, ownerOf(100), project)
		if err == nil || !errors.As(err, new(*load.LockedError)) {
			return claim, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-tick.C:
		}
	}
}

// close releases the claim. A second call does nothing.
func (c *recording) close() {
	if c.closed {
		return
	}
	c.closed = true
	if err := c.claim.Close(); err != nil {
		c.Errorf("Close: %v", err)
	}
}

// record records results of conversations that are stored.
func (c *recording) record(results ...load.RecordingResult) {
	c.Helper()
	if gone := c.results(results...); len(gone) > 0 {
		c.Errorf("gone: %v", gone)
	}
}

func (c *recording) results(results ...load.RecordingResult) []load.RecordingKey {
	c.Helper()
	for i := range results {
		results[i].ProjectID = c.project
	}
	gone, err := c.claim.Record(c.Context(), results, nil)
	if err != nil {
		c.Fatalf("Record: %v", err)
	}
	return gone
}

// recordings lists the live voice conversations of a project.
func (c *recording) recordings(project string) (all []load.RecordedConversation) {
	c.Helper()
	err := c.dest.Recordings(c.Context(), live(project), 0, math.MaxInt64, func(r *load.RecordedConversation) error {
		kept := *r
		kept.Recordings = slices.Clone(r.Recordings)
		all = append(all, kept)
		return nil
	})
	if err != nil {
		c.Fatalf("Recordings: %v", err)
	}
	return all
}

// has checks the recordings of a conversation as the destination returns them. The
// start of each is that of the conversation.
func (c *recording) has(id string, want ...warehouse.AudioReference) {
	c.Helper()
	for _, r := range c.recordings(c.project) {
		if r.ConversationID == id {
			c.same(id, r.StartedAt, r.Recordings, want)
			return
		}
	}
	c.Errorf("%s is not listed", id)
}

// stored is has by the tables, which the subject reads itself.
func (c *recording) stored(id string, want ...warehouse.AudioReference) {
	c.Helper()
	rows := dump(c, c.subject).Conversations[[2]string{c.project, id}]
	if rows == nil {
		c.Fatalf("%s is not stored", id)
	}
	c.same(id, rows.Conversation.StartedAt, rows.Audio, want)
	c.has(id, want...)
}

func (c *recording) same(id string, start warehouse.Timestamp, got, want []warehouse.AudioReference) {
	c.Helper()
	want = slices.Clone(want)
	for i := range want {
		want[i].ProjectID, want[i].StartedAt = c.project, start
	}
	if !slices.Equal(got, want) {
		c.Errorf("recordings of %s are\n     %+v\nwant %+v", id, got, want)
	}
}

// removed checks which conversations were removed after a change, and returns the
// last change.
func (c *recording) removed(after int64, want ...string) int64 {
	c.Helper()
	got, last, err := c.dest.Removed(c.Context(), c.project, after)
	if err != nil || !slices.Equal(got, want) {
		c.Errorf("removed after %d: %v, %v; want %v", after, got, err, want)
	}
	return last
}

// hasRecordingState checks the state of a project.
func hasRecordingState(t testing.TB, dest load.RecordingReader, want warehouse.RecordingState) {
	t.Helper()
	if got, err := dest.RecordingState(t.Context(), want.ProjectID); err != nil || got != want {
		t.Errorf("state %+v, %v; want %+v", got, err, want)
	}
}

// recordingTime is a time in minutes after a check could first happen.
func recordingTime(minutes int) warehouse.Null[warehouse.Timestamp] {
	return warehouse.Some(warehouse.TimestampOf(Noon.AddDate(0, 1, 0).Add(time.Duration(minutes) * time.Minute)))
}

// unchecked is the reference that [Conversation] makes.
func unchecked(id string, kind load.RecordingKind) warehouse.AudioReference {
	return warehouse.AudioReference{
		ConversationID: id,
		Direction:      kind.Direction,
		Redacted:       kind.Redacted,
		StartedAt:      warehouse.TimestampOf(Noon),
		URL:            warehouse.Text("https://audio.example.com/" + id),
		Availability:   warehouse.AudioUnknown,
	}
}

// available is a recording that a check found, so many minutes on.
func available(id string, kind load.RecordingKind, minutes int) load.RecordingResult {
	a := unchecked(id, kind)
	a.Availability, a.CheckedAt = warehouse.AudioAvailable, recordingTime(minutes)
	a.SizeBytes, a.DurationSeconds = warehouse.Some(int64(1000)), warehouse.Some(0.0625)
	a.SampleRateHz, a.Channels, a.Codec = warehouse.Some(int64(8000)), warehouse.Some(int64(1)), "pcm_s16le"
	a.RedactionEvidence = warehouse.EvidenceUnknown
	return load.RecordingResult{AudioReference: a}
}

// copied is a recording that was stored, so many minutes on.
func copied(id string, kind load.RecordingKind, minutes int) load.RecordingResult {
	r := available(id, kind, minutes)
	r.SHA256, r.StoredURI, r.StoredAt = "0123abcd", warehouse.Text("p/2024/03/14/"+id+".combined.raw.wav"), recordingTime(minutes)
	return r
}

// missing is a recording that the source does not have. Only its check is known.
func missing(id string, kind load.RecordingKind, minutes int) load.RecordingResult {
	a := unchecked(id, kind)
	a.URL, a.Availability, a.CheckedAt, a.Checks = "", warehouse.AudioMissing, recordingTime(minutes), int64(minutes)
	a.NextCheckAt = recordingTime(2 * minutes)
	return load.RecordingResult{AudioReference: a}
}

// withURL is a result merged into what [Conversation] made.
func withURL(r load.RecordingResult) warehouse.AudioReference {
	return load.MergeRecording(unchecked(r.ConversationID, load.RecordingKeyOf(&r.AudioReference).RecordingKind), &r)
}

// loadBacklog loads conversations whose recordings are in each state that matters,
// a minute apart, and returns them.
func loadBacklog(t testing.TB, s Subject) *recording {
	b := begin(t, s, 1, "p", "q")
	at := func(minutes int) time.Time { return Noon.Add(time.Duration(minutes) * time.Minute) }
	for i, id := range []string{"new", "found", "stored", "later", "due", "over", "open", "listed-no-more"} {
		option := Note("")
		if id == "open" {
			option = Open()
		}
		b.load(Conversation("p", id, at(i), option))
	}
	b.load(Conversation("p", "sandbox", at(1), In(Sandbox)), Conversation("p", "same-start", at(1), In(Sandbox)))
	b.load(Conversation("q", "other", at(1)))
	b.miss(live("p"), load.Key{ID: "listed-no-more", StartedAt: warehouse.TimestampOf(at(7))})
	c := claimRecordings(t, s, "p")
	over := missing("over", raw, 3)
	over.NextCheckAt = warehouse.Null[warehouse.Timestamp]{}
	c.record(available("found", raw, 1), copied("stored", raw, 1), missing("later", raw, 50), missing("due", raw, 2), over)
	second := unchecked("new", redacted)
	c.record(load.RecordingResult{AudioReference: second})
	b.end()
	return c
}

// backlog lists ids and numbers of recordings.
func (c *recording) backlog(b load.Backlog) (ids []string) {
	c.Helper()
	list, err := c.dest.Backlog(c.Context(), c.project, b)
	if err != nil {
		c.Fatalf("Backlog: %v", err)
	}
	for _, r := range list {
		ids = append(ids, fmt.Sprintf("%s/%d", r.ConversationID, len(r.Recordings)))
	}
	return ids
}

func checkBacklog(t testing.TB, s Subject) {
	c := loadBacklog(t, s)
	check := func(name string, b load.Backlog, want ...string) {
		b.DueAt, b.Limit = recordingTime(10).V, 100
		if got := c.backlog(b); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	both := []load.RecordingKind{redacted, raw}
	for range 2 {
		check("to check", load.Backlog{Kinds: both}, "due/1", "sandbox/1", "same-start/1", "new/2")
		check("to store", load.Backlog{Kinds: both, Store: true}, "due/1", "sandbox/1", "same-start/1", "found/1", "new/2")
		check("raw", load.Backlog{Kinds: both[1:]}, "due/1", "sandbox/1", "same-start/1", "new/1")
		check("again", load.Backlog{Kinds: both, Recheck: []string{warehouse.AudioMissing}},
			"over/1", "due/1", "later/1", "sandbox/1", "same-start/1", "new/2")
		check("nothing", load.Backlog{})
		c.record(available("open", raw, 1), available("listed-no-more", raw, 1)) // do not become due
	}
	list, err := c.dest.Backlog(t.Context(), "p", load.Backlog{Kinds: both, DueAt: recordingTime(10).V, Limit: 1})
	if err != nil || len(list) != 1 || len(list[0].Recordings) != 1 {
		t.Fatalf("the newest: %+v, %v", list, err)
	}
	c.same("due", list[0].StartedAt, list[0].Recordings, []warehouse.AudioReference{withURL(missing("due", raw, 2))})
	if list, err = c.dest.Backlog(t.Context(), "none", load.Backlog{Kinds: both, DueAt: recordingTime(10).V, Limit: 1}); err != nil || len(list) > 0 {
		t.Errorf("of an unknown project: %+v, %v", list, err)
	}
}

func checkBacklogPages(t testing.TB, s Subject) {
	c := loadBacklog(t, s)
	b := load.Backlog{
		Kinds: []load.RecordingKind{redacted, raw},
		Store: true,
		DueAt: recordingTime(10).V,
		Limit: 100,
	}
	want := c.backlog(b)
	for b.Limit = 1; b.Limit < 4; b.Limit++ {
		var got []string
		for b.Before = (load.RecordingPlace{}); len(got) <= len(want); {
			list, err := c.dest.Backlog(t.Context(), "p", b)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range list {
				got = append(got, fmt.Sprintf("%s/%d", r.ConversationID, len(r.Recordings)))
				b.Before = load.RecordingPlace{StartedAt: r.StartedAt, ConversationID: r.ConversationID}
			}
			if len(list) < b.Limit {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pages of %d: %v, want %v", b.Limit, got, want)
		}
	}
}
