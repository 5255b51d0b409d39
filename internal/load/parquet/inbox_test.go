package parquet_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
	"convsync/internal/warehouse"
)

// dumpInbox reads the log of events, the inbox, and the updates of alerts in
// both.
func (s *lake) dumpInbox(t testing.TB, d *loadtest.Dump) {
	t.Helper()
	known := map[string]bool{}
	add := func(e warehouse.WebhookEvent, fromLog bool) {
		if known[e.EventID] {
			if fromLog {
				t.Errorf("event %q is twice in the log", e.EventID)
			}
			return
		}
		known[e.EventID] = true
		d.Events = append(d.Events, e)
	}
	for _, name := range s.glob(t, "_sync/events/*") {
		for _, e := range readState(t, s, &warehouse.WebhookEvents, name) {
			add(e, true)
		}
	}
	d.Alerts = readState(t, s, &warehouse.ActiveAlerts, "state/active_alerts.jsonl")
	for _, name := range s.glob(t, "_sync/inbox/*.jsonl") {
		add(readState(t, s, &warehouse.WebhookEvents, name)[0], false)
		updates := readState(t, s, &warehouse.ActiveAlerts, name)
		if len(updates) < 2 {
			continue
		}
		same := func(a warehouse.ActiveAlert) bool { return a.AlertID == updates[1].AlertID }
		if i := slices.IndexFunc(d.Alerts, same); i >= 0 {
			d.Alerts[i] = load.MergeAlert(d.Alerts[i], updates[1])
		} else {
			d.Alerts = append(d.Alerts, updates[1])
		}
	}
}

// glob lists files by their names below _sync.
func (s *lake) glob(t testing.TB, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.path, pattern))
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i] = strings.TrimPrefix(filepath.ToSlash(files[i]), filepath.ToSlash(filepath.Join(s.path, "_sync"))+"/")
	}
	return files
}

// compareInbox compares the Parquet copies with the stored events: a copy has
// no event that is not stored, and every event of the log.
func (s *lake) compareInbox(t testing.TB, d *loadtest.Dump) {
	t.Helper()
	copied := map[string]warehouse.WebhookEvent{}
	for _, e := range readTable(t, s, &warehouse.WebhookEvents) {
		if _, twice := copied[e.EventID]; twice {
			t.Errorf("event %q is twice in Parquet", e.EventID)
		}
		copied[e.EventID] = e
	}
	for _, name := range s.glob(t, "_sync/events/*") {
		for _, e := range readState(t, s, &warehouse.WebhookEvents, name) {
			if !reflect.DeepEqual(copied[e.EventID], e) {
				t.Errorf("event %+v is in Parquet as %+v", e, copied[e.EventID])
			}
			delete(copied, e.EventID)
		}
	}
	for id, e := range copied {
		if e.State != warehouse.EventWaiting || !slices.ContainsFunc(d.Events, func(s warehouse.WebhookEvent) bool { return s.EventID == id }) {
			t.Errorf("event %+v is in Parquet, and not stored", e)
		}
	}
	compareCopy(t, s, &warehouse.ActiveAlerts, readState(t, s, &warehouse.ActiveAlerts, "state/active_alerts.jsonl"))
}

func TestALetterStaysForARunAfterItIsInTheLog(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	box := s.Open(t, nil).(load.Inbox)
	if err := s.Open(t, nil).Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	e := loadtest.Event("e-1", func(e *warehouse.WebhookEvent) { e.State = warehouse.EventIgnored })
	if fresh, err := box.TakeIn(t.Context(), &e, nil); err != nil || !fresh {
		t.Fatal(fresh, err)
	}
	for run, want := range []int{1, 0, 0} {
		s.runWindow(t, load.Window{At: warehouse.TimestampOf(time.Now())}, 0)
		if inboxFiles, logs := s.glob(t, "_sync/inbox/*"), s.glob(t, "_sync/events/*"); len(inboxFiles) != want || len(logs) != 1 {
			t.Errorf("after run %d the inbox files are %v, the days %v", run, inboxFiles, logs)
		}
		if fresh, err := box.TakeIn(t.Context(), &e, nil); err != nil || fresh {
			t.Errorf("after run %d it is fresh: %v, %v", run, fresh, err)
		}
	}
}

// A process that runs for years drops the ids of removed days.
func TestLoggedEvents(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	s.change(t, "a", 0)
	box := s.Open(t, nil)
	for i, days := range []int{1, 50, 100, 150, 200} {
		e := loadtest.Event(fmt.Sprint("e-", i), func(e *warehouse.WebhookEvent) {
			e.State, e.ReceivedAt = warehouse.EventIgnored, warehouse.TimestampOf(loadtest.Noon.AddDate(0, 0, days))
		})
		if fresh, err := box.(load.Inbox).TakeIn(t.Context(), &e, nil); err != nil || !fresh {
			t.Fatal(fresh, err)
		}
		s.change(t, fmt.Sprint("c-", i), days)
	}
	last := loadtest.Event("last")
	if fresh, err := box.(load.Inbox).TakeIn(t.Context(), &last, nil); err != nil || !fresh {
		t.Fatal(fresh, err)
	}
	if n := parquet.LoggedEvents(box.(*parquet.Lake)); n != 2 {
		t.Errorf("%d events are held, want those of the last 90 days, 2", n)
	}
}

func TestHalfMadeLettersAreNoEventsAndGo(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	l := s.Open(t, nil)
	box := l.(load.Inbox)
	if err := l.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	e := loadtest.Event("e-1")
	if _, err := box.TakeIn(t.Context(), &e, nil); err != nil {
		t.Fatal(err)
	}
	inboxFile := filepath.Join(s.path, "_sync", s.glob(t, "_sync/inbox/*")[0])
	for name, age := range map[string]time.Duration{inboxFile + "-x-1-new": 2 * time.Hour, inboxFile + "-x-2-new": 0} {
		if err := os.WriteFile(name, []byte(`{"event_id":"half`), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	if waiting, err := box.Waiting(t.Context(), 10); err != nil || len(waiting) != 1 {
		t.Errorf("%+v, %v", waiting, err)
	}
	s.runWindow(t, load.Window{At: warehouse.TimestampOf(time.Now())}, 0)
	if left := s.glob(t, "_sync/inbox/*"); len(left) != 2 {
		t.Errorf("there are %v; want the inbox file, and a recent incomplete one", left)
	}
}
