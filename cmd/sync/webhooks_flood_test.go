package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/simulate"
	"convsync/internal/webhook"
)

const (
	floodEvents = 600
	floodEvery  = 5 * time.Millisecond // 200 a second
)

// flood is a sender of many events, which sends again what was not taken in.
type flood struct {
	*testing.T
	client *http.Client

	mu       sync.Mutex
	answered map[string]int // of each kind
}

func newFlood(t *testing.T) *flood {
	transport := &http.Transport{MaxIdleConnsPerHost: 128}
	t.Cleanup(transport.CloseIdleConnections)
	return &flood{T: t, client: &http.Client{Transport: transport}, answered: map[string]int{}}
}

// send repeats a delivery until it gets a final response.
func (f *flood) send(url, id, body string) {
	for range 100 {
		req := delivery(f, url, id, body)
		res, err := f.client.Do(req)
		if err != nil {
			f.Errorf("%s: %v", id, err)
			return
		}
		answer, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			f.Errorf("%s: %v", id, err)
			return
		}
		if res.StatusCode != http.StatusServiceUnavailable {
			f.mu.Lock()
			f.answered[fmt.Sprint(res.StatusCode, " ", strings.TrimSpace(string(answer)))]++
			f.mu.Unlock()
			return
		}
	}
	f.Errorf("%s is never taken in", id)
}

// forge sends a forged delivery once. It is refused, or sent back as undecided.
func (f *flood) forge(url, id, body string) {
	req := delivery(f, url, id, body)
	req.Header.Set(webhook.HeaderSignature, webhook.Sign("guessed", "0", nil))
	res, err := f.client.Do(req)
	if err != nil {
		f.Errorf("%s: %v", id, err)
		return
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusUnauthorized && res.StatusCode != http.StatusServiceUnavailable {
		f.Errorf("forged %s is answered %s %s, %v", id, res.Status, answer, err)
	}
	if !strings.HasPrefix(string(answer), "the signature matches no configured secret") {
		f.Errorf("forged %s is answered %s", id, answer)
	}
}

// all sends all events, 200 a second; each third of them twice, each tenth forged
// before.
func (f *flood) all(url string) {
	tick := time.NewTicker(floodEvery)
	defer tick.Stop()
	var sending sync.WaitGroup
	for i := range floodEvents {
		<-tick.C
		id := fmt.Sprintf("evt-%04d", i)
		body := fmt.Sprintf(`{"type":"call.completed","project_id":"acme-team-4","data":{"call_sid":"CA%04d"}}`, i)
		if i%2 == 0 {
			body = fmt.Sprintf(`{"type":"alerts.triggered","data":{"alert_rule_id":"ar_%d","since":"2026-06-15T10:00:00Z","call":%d}}`, i%7, i)
		}
		sending.Go(func() { f.send(url, id, body) })
		if i%3 == 0 {
			sending.Go(func() { f.send(url, id, body) })
		}
		if i%10 == 0 {
			sending.Go(func() { f.forge(url, id, body) })
		}
	}
	sending.Wait()
}

// TestManyEventsASecondAreAnsweredRightAndNoneIsLostOrDoubled floods the real
// process while runs of it and of another write, kills it, and floods the next.
func TestManyEventsASecondAreAnsweredRightAndNoneIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	_, source := past(t, 300, 2, simulate.Deviations{})
	destinations(t, func(t *testing.T, destination string) {
		file := serving(t, source.URL, destination)
		first, f := serveIn(t, file, nil), newFlood(t)
		var meanwhile sync.WaitGroup
		meanwhile.Go(func() {
			if r := convsync(t, nil, "run", "--config", file, "--log-level", "error", "--when-locked", "wait"); r.code != exitOK {
				t.Errorf("the concurrent run: %+v", r)
			}
		})
		f.all(first.url)
		meanwhile.Wait()
		const stored, doubled = "200 stored", "200 already stored"
		n := f.answered // what was stored too late for an answer in time is sent again, and is there already
		if n[stored] > floodEvents || n[stored]+n[doubled] != floodEvents+floodEvents/3 || len(n) != 2 {
			t.Errorf("answered was %v", n)
		}
		_, text := get(t, first.url+"/metrics")
		for result, n := range map[string]int{webhook.Stored: n[stored], webhook.Forged: floodEvents / 10} {
			if want := fmt.Sprintf("convsync_webhook_events_total{result=%q} %d\n", result, n); !strings.Contains(text, want) {
				t.Errorf("the metrics lack %s", want)
			}
		}
		first.kill()
		second, again := serveIn(t, file, nil), newFlood(t)
		again.all(second.url)
		if n := again.answered; n[stored] != 0 || n[doubled] != floodEvents+floodEvents/3 {
			t.Errorf("after a restart answered was %v", n)
		}
		box := inboxOf(t, file)
		until(t, "no event waits", func() bool {
			left, err := box.Waiting(t.Context(), 10)
			return err == nil && len(left) == 0
		})
		alerts, err := box.Alerts(t.Context())
		if err != nil || len(alerts) != 7 {
			t.Errorf("there are %d alerts, %v", len(alerts), err)
		}
	})
}

// inboxOf opens the destination's inbox.
func inboxOf(t *testing.T, file string) load.Inbox {
	t.Helper()
	return openConfigured(t, file).(load.Inbox)
}
