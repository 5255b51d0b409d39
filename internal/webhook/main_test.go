package webhook

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"convsync/internal/leaktest"

	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/warehouse"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// inbox is an inbox in memory that can be unavailable or slow.
type inbox struct {
	*memory.Destination
	mu    sync.Mutex
	away  error
	hangs bool
}

var errAway = errors.New("made up: the destination does not answer")

// newInbox returns an inbox with events.
func newInbox(events ...warehouse.WebhookEvent) *inbox {
	return &inbox{Destination: memory.From(&memory.Data{Events: events})}
}

func (i *inbox) TakeIn(ctx context.Context, e *warehouse.WebhookEvent, a *warehouse.ActiveAlert) (bool, error) {
	if i.hangs {
		<-ctx.Done()
		return false, ctx.Err()
	}
	if err := i.available(); err != nil {
		return false, err
	}
	return i.Destination.TakeIn(ctx, e, a)
}

func (i *inbox) Waiting(ctx context.Context, limit int) ([]warehouse.WebhookEvent, error) {
	if err := i.available(); err != nil {
		return nil, err
	}
	return i.Destination.Waiting(ctx, limit)
}

func (i *inbox) Recent(ctx context.Context, since warehouse.Timestamp) ([]warehouse.WebhookEvent, error) {
	if err := i.available(); err != nil {
		return nil, err
	}
	return i.Destination.Recent(ctx, since)
}

func (i *inbox) Settle(ctx context.Context, ids []string, settled load.Settled) error {
	if err := i.available(); err != nil {
		return err
	}
	return i.Destination.Settle(ctx, ids, settled)
}

func (i *inbox) available() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.away
}

func (i *inbox) goAway(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.away = err
}

func (i *inbox) events() []warehouse.WebhookEvent { return i.Snapshot().Events }

// states returns the states of the events, by id.
func (i *inbox) states() map[string]string {
	states := map[string]string{}
	for _, e := range i.events() {
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
	inbox   *inbox
	mu      sync.Mutex
	counted map[string]int
	taken   []string
}

func newWorld(change ...func(*Options)) *world {
	w := &world{inbox: newInbox(), counted: map[string]int{}}
	o := Options{
		Inbox:    w.inbox,
		Secrets:  func(context.Context) ([]string, error) { return []string{oldSecret, secret}, nil },
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
