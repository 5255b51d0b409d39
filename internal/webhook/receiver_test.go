package webhook

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"convsync/internal/warehouse"
)

const callBody = `{"type":"call.completed","project_id":"acme-team-4","note":"strictly private"}`

func TestEachDeliveryIsAnsweredAsItShould(t *testing.T) {
	t.Parallel()
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	stamp := func(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }
	large := `{"a":"` + strings.Repeat("x", 1<<20) + `"}`
	for name, c := range map[string]struct {
		req    *http.Request
		status int
		result string
	}{
		"in order":              {signedAt(now, "e", callBody), 200, Stored},
		"by the other secret":   {signedAt(now, "e", callBody, set(HeaderSignature, Sign(oldSecret, stamp(now), []byte(callBody)))), 200, Stored},
		"in capitals":           {signedAt(now, "e", callBody, set(HeaderSignature, strings.ToUpper(Sign(secret, stamp(now), []byte(callBody))))), 200, Stored},
		"a little old":          {signedAt(now.Add(-5*time.Minute), "e", callBody), 200, Stored},
		"a little early":        {signedAt(now.Add(5*time.Minute), "e", callBody), 200, Stored},
		"old":                   {signedAt(now.Add(-5*time.Minute-time.Second), "e", callBody), 403, Old},
		"from the future":       {signedAt(now.Add(5*time.Minute+time.Second), "e", callBody), 403, Old},
		"of another body":       {signedAt(now, "e", callBody, func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(callBody + " ")) }), 401, Forged},
		"of another time":       {signedAt(now, "e", callBody, set(HeaderTimestamp, stamp(now.Add(time.Second)))), 401, Forged},
		"by another secret":     {signedAt(now, "e", callBody, set(HeaderSignature, Sign("guessed", stamp(now), []byte(callBody)))), 401, Forged},
		"by no secret":          {signedAt(now, "e", callBody, set(HeaderSignature, Sign("", stamp(now), []byte(callBody)))), 401, Forged},
		"half a signature":      {signedAt(now, "e", callBody, set(HeaderSignature, Sign(secret, stamp(now), []byte(callBody))[:32])), 401, Forged},
		"no hex":                {signedAt(now, "e", callBody, set(HeaderSignature, "sha256")), 401, Forged},
		"unsigned":              {signedAt(now, "e", callBody, func(r *http.Request) { r.Header.Del(HeaderSignature) }), 401, Forged},
		"without a time":        {signedAt(now, "e", callBody, func(r *http.Request) { r.Header.Del(HeaderTimestamp) }), 400, Malformed},
		"a time in words":       {signedAt(now, "e", callBody, set(HeaderTimestamp, "noon")), 400, Malformed},
		"without an id":         {signedAt(now, "", callBody), 400, Malformed},
		"an id that is no text": {signedAt(now, "é", callBody), 400, Malformed},
		"a long id":             {signedAt(now, strings.Repeat("e", 256), callBody), 400, Malformed},
		"no JSON":               {signedAt(now, "e", "private"), 400, Malformed},
		"no object":             {signedAt(now, "e", `["private"]`), 400, Malformed},
		"two objects":           {signedAt(now, "e", `{} {}`), 400, Malformed},
		"null":                  {signedAt(now, "e", `null`), 400, Malformed},
		"nothing":               {signedAt(now, "e", ``), 400, Malformed},
		"large":                 {signedAt(now, "e", large), 413, Oversized},
		"large, and no length":  {signedAt(now, "e", large, func(r *http.Request) { r.ContentLength = -1 }), 413, Oversized},
	} {
		w := newWorld()
		status, answer := w.send(c.req)
		if status != c.status || !maps.Equal(w.counted, map[string]int{c.result: 1}) {
			t.Errorf("%s: answered %d %q and counted %v, want %d and %s", name, status, answer, w.counted, c.status, c.result)
		}
		if (len(w.inbox.events()) == 1) != (c.status == 200) || len(w.taken) != len(w.inbox.events()) {
			t.Errorf("%s: %d events are stored, %d are dispatched", name, len(w.inbox.events()), len(w.taken))
		}
		if answer == "" || len(answer) > 120 || strings.Contains(answer, "private") {
			t.Errorf("%s: the answer is %q", name, answer)
		}
	}
}

func TestADoubledEventIsStoredOnceAndAReplayedOneNotAtAll(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for i, want := range []string{"stored\n", "already stored\n", "already stored\n"} {
		// A sender that tries again may sign again, or not.
		if status, answer := w.send(signedAt(now.Add(time.Duration(i/2)*time.Second), "e-1", callBody)); status != 200 || answer != want {
			t.Errorf("the %d. time it is answered %d %q", i+1, status, answer)
		}
	}
	replay := signedAt(now, "e-2", callBody)
	if status, _ := w.send(replay); status != 409 {
		t.Errorf("under another id it is answered %d", status)
	}
	replay = signedAt(now, "e-2", callBody)
	replay.Header.Set(HeaderSignature, strings.ToUpper(replay.Header.Get(HeaderSignature)))
	if status, _ := w.send(replay); status != 409 {
		t.Errorf("under another id, in capitals, it is answered %d", status)
	}
	if len(w.inbox.events()) != 1 || len(w.taken) != 1 || w.counted[Doubled] != 2 || w.counted[Replayed] != 2 {
		t.Errorf("%d events; %v", len(w.inbox.events()), w.counted)
	}
}

func TestWhatCannotBeStoredIsToBeSentAgain(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	w := newWorld(func(o *Options) {
		o.Patience, o.Log = 50*time.Millisecond, slog.New(slog.NewTextHandler(&log, nil))
	})
	for _, break_ := range []func(){func() { w.inbox.away = errAway }, func() { w.inbox.hangs = true }} {
		break_()
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, signedAt(now, "e-1", callBody))
		if rec.Code != 503 || rec.Header().Get("Retry-After") == "" {
			t.Errorf("answered %d %v", rec.Code, rec.Header())
		}
	}
	w.inbox.away, w.inbox.hangs = nil, false
	if status, answer := w.send(signedAt(now, "e-1", callBody)); status != 200 || answer != "stored\n" {
		t.Errorf("once it can be, it is answered %d %q", status, answer)
	}
	if w.counted[Failed] != 2 || strings.Contains(log.String(), "private") || strings.Contains(log.String(), secret) || !strings.Contains(log.String(), "e-1") {
		t.Errorf("counted %v, logged %s", w.counted, log.String())
	}
}

func TestAnEmptySecretSignsNothing(t *testing.T) {
	t.Parallel()
	if signed([]string{""}, "1", []byte(callBody), Sign("", "1", []byte(callBody))) || signed(nil, "1", nil, "") {
		t.Error("it does")
	}
}

func TestSecretsUnavailable(t *testing.T) {
	t.Parallel()
	w := newWorld(func(o *Options) { o.Secrets = func(context.Context) ([]string, error) { return nil, errAway } })
	if status, _ := w.send(signedAt(now, "e", callBody)); status != 503 || w.counted[Failed] != 1 {
		t.Errorf("answered %d, counted %v", status, w.counted)
	}
}

func TestASlowBodyIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(func(o *Options) { o.BodyPatience = 200 * time.Millisecond })
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	head := signedAt(now, "e", callBody).Header
	fmt.Fprintf(c, "POST / HTTP/1.0\r\nContent-Length: %d\r\n", len(callBody))
	if err := head.Write(c); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "\r\n%s", callBody[:10])
	answer, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.0 408") {
		t.Errorf("%v, answered %s", err, answer)
	}
	if w.counted[Slow] != 1 || len(w.inbox.events()) != 0 {
		t.Errorf("counted %v, stored %d", w.counted, len(w.inbox.events()))
	}
}

func TestManyDeliveriesAtOnceWaitForTheirTurn(t *testing.T) {
	t.Parallel()
	w := newWorld(func(o *Options) { o.MaxAtOnce, o.Patience = 2, time.Hour })
	var sending sync.WaitGroup
	for i := range 100 {
		sending.Go(func() {
			if status, _ := w.send(signedAt(now, fmt.Sprint("e-", i/2), fmt.Sprintf(`{"type":"call","n":%d}`, i/2))); status != 200 {
				t.Errorf("answered %d", status)
			}
		})
	}
	sending.Wait()
	if len(w.inbox.events()) != 50 || w.counted[Stored] != 50 || w.counted[Doubled] != 50 {
		t.Errorf("%d events, counted %v", len(w.inbox.events()), w.counted)
	}
	full := newWorld(func(o *Options) { o.MaxAtOnce, o.Patience = 1, 50*time.Millisecond })
	full.permits <- struct{}{}
	if status, _ := full.send(signedAt(now, "e", callBody)); status != 503 {
		t.Errorf("with no room it is answered %d", status)
	}
}

func TestWhatIsStoredOfAnEvent(t *testing.T) {
	t.Parallel()
	start, happened := warehouse.TimestampOf(now.Add(-time.Hour)), warehouse.TimestampOf(now.Add(-time.Minute))
	body := `{"event_type":"handoff.started","created_at":"2026-06-15T11:59:00Z","data":{"agentId":"shared","accountId":"acme-us",` +
		`"call_sid":"CA1","started_at":"2026-06-15T11:00:00Z"}}`
	w := newWorld()
	if status, answer := w.send(signedAt(now.Add(-time.Second), "e-1", body)); status != 200 {
		t.Fatal(status, answer)
	}
	payload, _ := warehouse.Canonical(body)
	want := warehouse.WebhookEvent{
		EventID:               "e-1",
		EventType:             "handoff.started",
		ProjectID:             "shared-us",
		ConversationID:        "CA1",
		ConversationStartedAt: warehouse.Some(start),
		OccurredAt:            warehouse.Some(happened),
		SentAt:                warehouse.TimestampOf(now.Add(-time.Second)),
		ReceivedAt:            warehouse.TimestampOf(now),
		State:                 warehouse.EventWaiting,
		Payload:               payload,
	}
	if got := w.inbox.events()[0]; got != want {
		t.Errorf("stored is %+v\nwant %+v", got, want)
	}
}
