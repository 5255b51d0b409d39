package webhook

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"convsync/internal/leaktest"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// fakeInbox keeps events in memory, and can be away or slow.
type fakeInbox struct {
	mu     sync.Mutex
	events []warehouse.WebhookEvent
	alerts []warehouse.ActiveAlert
	away   error
	hangs  bool
}

var errAway = errors.New("made up: the destination does not answer")

func (f *fakeInbox) TakeIn(ctx context.Context, e *warehouse.WebhookEvent, a *warehouse.ActiveAlert) (bool, error) {
	if f.hangs {
		<-ctx.Done()
		return false, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away != nil {
		return false, f.away
	}
	if slices.ContainsFunc(f.events, func(s warehouse.WebhookEvent) bool { return s.EventID == e.EventID }) {
		return false, nil
	}
	f.events = append(f.events, *e)
	if a != nil {
		f.alerts = append(f.alerts, *a)
	}
	return true, nil
}

func (f *fakeInbox) Waiting(_ context.Context, limit int) (waiting []warehouse.WebhookEvent, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.events {
		if e.State == warehouse.EventWaiting && len(waiting) < limit {
			waiting = append(waiting, e)
		}
	}
	return waiting, f.away
}

func (f *fakeInbox) Recent(_ context.Context, since warehouse.Timestamp) ([]warehouse.WebhookEvent, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.events), func(e warehouse.WebhookEvent) bool { return e.ReceivedAt < since }), f.away
}

func (f *fakeInbox) Settle(_ context.Context, ids []string, settled load.Settled) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.events {
		if slices.Contains(ids, f.events[i].EventID) {
			settled.Apply(&f.events[i])
		}
	}
	return f.away
}

func (f *fakeInbox) Alerts(context.Context) ([]warehouse.ActiveAlert, error) { return f.alerts, f.away }

func (f *fakeInbox) goAway(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away = err
}

// states are how the events stand, by id.
func (f *fakeInbox) states() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	states := map[string]string{}
	for _, e := range f.events {
		states[e.EventID] = e.State
	}
	return states
}

const secret, oldSecret = "made-up-secret", "made-up-old-secret"

// now is when made-up deliveries come in.
var now = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

// world is a receiver with what is around it.
type world struct {
	*Receiver
	inbox   *fakeInbox
	mu      sync.Mutex
	counted map[string]int
	taken   []string
}

func newWorld(change ...func(*Options)) *world {
	w := &world{inbox: &fakeInbox{}, counted: map[string]int{}}
	o := Options{
		Inbox: w.inbox, Secrets: func(context.Context) ([]string, error) { return []string{oldSecret, secret}, nil },
		Projects: []Project{{"acme-team-4", "acme-uk", "acme-team-4"}, {"shared", "acme-uk", "shared-uk"}, {"shared", "acme-us", "shared-us"}},
		Count: func(result string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.counted[result]++
		},
		Taken: func(e *warehouse.WebhookEvent) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.taken = append(w.taken, e.EventID)
		},
		now: func() time.Time { return now },
	}
	for _, c := range change {
		c(&o)
	}
	w.Receiver = NewReceiver(o)
	return w
}

// signedAt is a delivery that is in order, sent at a moment.
func signedAt(at time.Time, id, body string, change ...func(*http.Request)) *http.Request {
	req := httptest.NewRequest(http.MethodPost, "/webhooks/polyai", strings.NewReader(body))
	timestamp := strconv.FormatInt(at.Unix(), 10)
	req.Header.Set(HeaderTimestamp, timestamp)
	req.Header.Set(HeaderSignature, Sign(secret, timestamp, []byte(body)))
	req.Header.Set(HeaderEventID, id)
	for _, c := range change {
		c(req)
	}
	return req
}

func (w *world) send(req *http.Request) (status int, answer string) {
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, req)
	text, _ := io.ReadAll(rec.Body)
	return rec.Code, string(text)
}
