package serve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/memory"
	"convsync/internal/warehouse"
)

// recordedReader returns what a test sets, and counts how often it was read.
type recordedReader struct {
	counts map[string]load.RecordingCounts
	states map[string]warehouse.RecordingState
	err    error
	reads  int
}

func (r *recordedReader) RecordingCounts(context.Context, map[string][]load.RecordingKind) (map[string]load.RecordingCounts, error) {
	r.reads++
	return r.counts, r.err
}

func (r *recordedReader) RecordingState(_ context.Context, project string) (warehouse.RecordingState, error) {
	return r.states[project], nil
}

var errFull = errors.New("the store /srv/recordings is unavailable: write: no space left on device")

// withRecordings has a project in mode store and one in mode check.
func withRecordings(now time.Time, tried bool, storeErr *error) (Options, *recordedReader) {
	destination, feeds := healthy(3, now)
	reader := &recordedReader{
		counts: map[string]load.RecordingCounts{
			"acme-team-1": {
				Unknown:         41,
				Unchecked:       41,
				Available:       81_000,
				Missing:         203,
				Forbidden:       5,
				Failed:          7,
				Stored:          79_877,
				StoredBytes:     20_140_000_000,
				Unstored:        1_123,
				OldestUnchecked: stamp(now, time.Hour),
				OldestUnstored:  stamp(now, 72*time.Hour),
			},
			"acme-team-2": {
				Unknown:         12,
				Unchecked:       12,
				Available:       400,
				Unstored:        399,
				Stored:          1,
				StoredBytes:     970,
				OldestUnchecked: stamp(now, 5*time.Hour),
				OldestUnstored:  stamp(now, 90*time.Hour),
			},
		},
		states: map[string]warehouse.RecordingState{"acme-team-1": {PIIAccess: warehouse.PIIAccessYes}, "acme-team-2": {PIIAccess: warehouse.PIIAccessNoneSeen}},
	}
	return Options{
		Destination: destination,
		Feeds:       feeds,
		Recordings: Recordings{
			Projects: []RecordedProject{{ProjectID: "acme-team-1", Store: true}, {ProjectID: "acme-team-2"}},
			Reader:   reader,
			Store:    func() (bool, error) { return tried, *storeErr },
		},
	}, reader
}

var (
	tableCell = regexp.MustCompile(`(?s)<t[hd][^>]*>(.*?)</t[hd]>`)
	markup    = regexp.MustCompile(`<[^>]*>`)
)

// rows returns the cells of the table of recordings, one row per project.
func rows(page string) (rows []string) {
	_, section, _ := strings.Cut(page, `id="recordings-title"`)
	_, body, _ := strings.Cut(section, "<tbody>")
	body, _, _ = strings.Cut(body, "</tbody>")
	for _, row := range strings.Split(body, "<tr>")[1:] {
		var cells []string
		for _, cell := range tableCell.FindAllStringSubmatch(row, -1) {
			cells = append(cells, markup.ReplaceAllString(cell[1], ""))
		}
		rows = append(rows, strings.Join(cells, "|"))
	}
	return rows
}

func TestRecordings_Page(t *testing.T) {
	t.Parallel()
	var storeErr error
	o, _ := withRecordings(time.Now(), true, &storeErr)
	s := newServer(t, o)
	page := get(s, "/").Body.String()
	want := []string{
		"acme-team-1|store|81,000|203|5|7|41|79,877|20 GB|1,164|3 days ago|yes",
		"acme-team-2|check|400|0|0|0|12|1|970 B|12|5 hours ago|none seen",
	}
	if got := rows(page); !slices.Equal(got, want) {
		t.Errorf("the rows are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, text := range []string{"All is well", `<a href="#recordings">`, `<a href="#feed-1">acme-team-1</a>`} {
		if !strings.Contains(page, text) {
			t.Errorf("the page lacks %s", text)
		}
	}
}

func TestRecordings_NoProject(t *testing.T) {
	t.Parallel()
	storeErr := errFull
	o, reader := withRecordings(time.Now(), true, &storeErr)
	o.Recordings.Projects = nil
	s := newServer(t, o)
	if page := get(s, "/").Body.String(); strings.Contains(page, "ecordings") || !strings.Contains(page, "All is well") || reader.reads > 0 {
		t.Error("recordings are shown or read, although those of no project are checked or stored")
	}
	if text := get(s, "/metrics").Body.String(); strings.Contains(text, "recordings") {
		t.Error("there are metrics of recordings")
	}
	o.Recordings = Recordings{Projects: []RecordedProject{{ProjectID: "acme-team-1", Store: true}}}
	if _, err := New(o); err == nil {
		t.Error("a server starts that cannot read the recordings")
	}
}

func TestRecordings_Metrics(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var storeErr error
	o, _ := withRecordings(now, true, &storeErr)
	text := get(newServer(t, o), "/metrics").Body.String()
	for _, want := range []string{
		`convsync_recordings{availability="available",project="acme-team-1"} 81000`, `convsync_recordings{availability="unknown",project="acme-team-2"} 12`,
		`convsync_recordings{availability="missing",project="acme-team-1"} 203`, `convsync_recordings{availability="forbidden",project="acme-team-1"} 5`,
		`convsync_recordings{availability="failed",project="acme-team-1"} 7`, `convsync_recordings_stored{project="acme-team-1"} 79877`,
		`convsync_recordings_stored_bytes{project="acme-team-1"} 2.014e+10`, `convsync_recordings_backlog{project="acme-team-1"} 1164`,
		`convsync_recordings_backlog{project="acme-team-2"} 12`, `convsync_recordings_store_available 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("the metrics lack %s", want)
		}
	}
	var age float64
	_, after, _ := strings.Cut(text, `convsync_recordings_backlog_age_seconds{project="acme-team-1"} `)
	if _, err := fmt.Sscan(after, &age); err != nil || age < 72*3600 || age > 72*3600+time.Since(now).Seconds()+1 {
		t.Errorf("the age of the backlog is %g, %v", age, err)
	}
}

func TestRecordings_Store(t *testing.T) {
	t.Parallel()
	storeErr := errFull
	o, _ := withRecordings(time.Now(), true, &storeErr)
	var seen []Sight
	o.Watched = func(s Sight) { seen = append(seen, s) }
	s := newServer(t, o)
	s.watch.refresh(t.Context())
	page, text := get(s, "/").Body.String(), get(s, "/metrics").Body.String()
	for _, want := range []string{
		"The data is up to date, with 1 issue: Recordings cannot be stored: the store /srv/recordings is unavailable",
		`href="runbooks/ConvsyncRecordingsStoreUnavailable.md"`, "They are checked only.",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if !strings.Contains(text, "convsync_recordings_store_available 0\n") {
		t.Error("the metrics do not say that the store is unavailable")
	}
	if w := get(s, "/runbooks/ConvsyncRecordingsStoreUnavailable.md"); w.Code != http.StatusOK {
		t.Errorf("the runbook is answered %d", w.Code)
	}
	if !seen[0].StoreTried || seen[0].StoreFailing.IsZero() || !seen[1].StoreFailing.Equal(seen[0].StoreFailing) || !errors.Is(seen[1].StoreErr, errFull) {
		t.Errorf("the notifier gets %+v", seen)
	}
	storeErr = nil
	s.watch.refresh(t.Context())
	if last := seen[2]; !last.StoreTried || !last.StoreFailing.IsZero() || last.StoreErr != nil {
		t.Errorf("after the recovery the notifier gets %+v", last)
	}
	if page := get(s, "/").Body.String(); !strings.Contains(page, "All is well") {
		t.Error("the page does not show the recovery")
	}
}

func TestRecordings_StoreNotTried(t *testing.T) {
	t.Parallel()
	var storeErr error
	o, _ := withRecordings(time.Now(), false, &storeErr)
	var seen Sight
	o.Watched = func(s Sight) { seen = s }
	if text := get(newServer(t, o), "/metrics").Body.String(); strings.Contains(text, "convsync_recordings_store_available") || seen.StoreTried {
		t.Error("a store that was not tried is called available or not")
	}
	o.Recordings.Projects = o.Recordings.Projects[1:]
	if text := get(newServer(t, o), "/metrics").Body.String(); strings.Contains(text, "convsync_recordings_store_available") || !seen.StoreTried {
		t.Error("without mode store there is a metric of the store, or its last incident does not end")
	}
}

func TestRecordings_CountFails(t *testing.T) {
	t.Parallel()
	var storeErr error
	o, reader := withRecordings(time.Now(), true, &storeErr)
	s := newServer(t, o)
	reader.err = errAway
	s.watch.latest.Store(forgetCost(s))
	s.watch.refresh(t.Context())
	page, text := get(s, "/").Body.String(), get(s, "/metrics").Body.String()
	if !strings.Contains(page, "The numbers of recordings are not up to date") || len(rows(page)) != 2 || !strings.Contains(text, "convsync_destination_up 1\n") {
		t.Error("a failed count is not shown, or is a failure of the destination, or the last counts are gone")
	}
}

// forgetCost returns the snapshot as if counting took no time.
func forgetCost(s *Server) *snapshot {
	same := *s.watch.snapshot()
	same.recorded.took = 0
	return &same
}

func TestRecordings_ReadRarely(t *testing.T) {
	t.Parallel()
	var storeErr error
	o, reader := withRecordings(time.Now(), true, &storeErr)
	s := newServer(t, o)
	for range 3 {
		get(s, "/")
		get(s, "/metrics")
	}
	if reader.reads != 1 {
		t.Errorf("the recordings are counted %d times", reader.reads)
	}
	s.watch.latest.Store(forgetCost(s))
	s.watch.refresh(t.Context())
	slow := forgetCost(s)
	slow.recorded.took = time.Hour
	s.watch.latest.Store(slow)
	s.watch.refresh(t.Context())
	if reader.reads != 2 {
		t.Errorf("the recordings are counted %d times; a count that takes an hour is not to be repeated at once", reader.reads)
	}
}

// TestRecordings_Memory reads what a claim recorded.
func TestRecordings_Memory(t *testing.T) {
	t.Parallel()
	d, noon := memory.New(), time.Now().Truncate(time.Hour)
	rows := loadtest.Conversation("acme-team-1", "c-1", noon)
	d.Edit(func(data *memory.Data) { data.Conversations[memory.ID{"acme-team-1", "c-1"}] = rows })
	claim, err := d.ClaimRecordings(t.Context(), load.Owner{RunID: "run-1"}, "acme-team-1")
	if err != nil {
		t.Fatal(err)
	}
	reference := warehouse.AudioReference{
		ProjectID:      "acme-team-1",
		ConversationID: "c-1",
		Direction:      "user",
		Availability:   warehouse.AudioAvailable,
		StartedAt:      rows.Conversation.StartedAt,
		CheckedAt:      warehouse.Some(stamp(noon, 0)),
	}
	state := &warehouse.RecordingState{ProjectID: "acme-team-1", PIIAccess: warehouse.PIIAccessYes}
	if _, err := claim.Record(t.Context(), []load.RecordingResult{{AudioReference: reference}}, state); err != nil {
		t.Fatal(err)
	}
	unchecked := int64(len(rows.Audio))
	for _, store := range []bool{false, true} {
		project := RecordedProject{ProjectID: "acme-team-1", Store: store, Kinds: []load.RecordingKind{{Direction: "user"}, {Direction: "combined"}}}
		states, err := (&Recordings{Projects: []RecordedProject{project}, Reader: d}).Read(t.Context())
		if err != nil || len(states) != 1 || states[0].Counts.Available != 1 || PIIAccess(&states[0].State) != "yes" {
			t.Fatalf("%+v, %v", states, err)
		}
		want := unchecked
		if store {
			want++
		}
		if n, oldest := states[0].Backlog(); n != want || oldest != rows.Conversation.StartedAt {
			t.Errorf("store %t: the backlog is %d from %s, want %d", store, n, oldest.Time(), want)
		}
	}
}
