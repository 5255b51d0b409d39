package serve

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestGuardSlowsDownGuessing(t *testing.T) {
	t.Parallel()
	const token = "made-up-token-1234"
	var log bytes.Buffer
	destination, feeds := healthy(1, time.Now())
	s := newServer(t, Options{Destination: destination, Feeds: feeds, Token: token, Log: slog.New(slog.NewTextHandler(&log, nil))})
	now := time.Now()
	s.guard.now = func() time.Time { return now }
	ask := func(peer, token string) int {
		w := get(s, "/", func(r *http.Request) {
			r.RemoteAddr = peer + ":1234"
			if token != "" {
				r.Header.Set("Authorization", "Bearer "+token)
			}
		})
		if (w.Code == http.StatusTooManyRequests) != (w.Header().Get("Retry-After") != "") {
			t.Errorf("answered %d with Retry-After %q", w.Code, w.Header().Get("Retry-After"))
		}
		return w.Code
	}
	want := func(step string, got, want int) {
		t.Helper()
		if got != want {
			t.Errorf("%s: answered %d, want %d", step, got, want)
		}
	}
	for range 20 {
		want("no credentials", ask("192.0.2.1", ""), 401)
	}
	for range freeAttempts {
		want("guess", ask("192.0.2.1", "guess-guess-guess"), 401)
	}
	want("guess too soon", ask("192.0.2.1", "guess-guess-guess"), 429)
	want("right, too soon", ask("192.0.2.1", token), 429)
	want("another peer", ask("192.0.2.2", token), 200)
	now = now.Add(firstDelay)
	want("guess after the delay", ask("192.0.2.1", "guess-guess-guess"), 401)
	now = now.Add(firstDelay)
	want("the delay has doubled", ask("192.0.2.1", token), 429)
	now = now.Add(firstDelay)
	want("right after the delay", ask("192.0.2.1", token), 200)
	want("failures are forgotten", ask("192.0.2.1", "guess-guess-guess"), 401)
	want("failures are forgotten", ask("192.0.2.1", token), 200)
	if text := log.String(); strings.Count(text, "failed logins") != 2 || strings.Contains(text, "guess-guess") {
		t.Errorf("logged %s", text)
	}
	if metrics := get(s, "/metrics", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }).Body.String(); !strings.Contains(metrics, "convsync_failed_logins_total 7\n") {
		t.Errorf("7 failed logins are not counted")
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	t.Parallel()
	a := &attempts{log: slog.New(slog.DiscardHandler), failed: func() {}}
	now := time.Now()
	for i := range 3 * mostPeersKept {
		now = now.Add(time.Millisecond)
		a.fail(strings.Repeat("x", i), now)
	}
	if len(a.peers) != mostPeersKept {
		t.Errorf("%d peers are remembered, want %d", len(a.peers), mostPeersKept)
	}
	for range 100 {
		a.fail("guesser", now)
	}
	if d := a.delay("guesser", now); d != longestDelay {
		t.Errorf("the delay is %v, want %v", d, longestDelay)
	}
	a.fail("other", now.Add(attemptsKept+time.Second))
	if len(a.peers) != 1 {
		t.Errorf("%d peers are remembered after %v", len(a.peers), attemptsKept)
	}
}

func TestWeakSecretsAreRefused(t *testing.T) {
	t.Parallel()
	destination, _ := healthy(0, time.Now())
	for name, o := range map[string]Options{
		"token of 15":    {Token: strings.Repeat("t", shortestToken-1)},
		"password of 11": {BasicUser: "ada", BasicPassword: strings.Repeat("p", shortestPassword-1)},
	} {
		o.Destination = destination
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), "characters") || strings.Contains(err.Error(), "ttt") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenPageBehindProxy(t *testing.T) {
	t.Parallel()
	destination, feeds := healthy(1, time.Now())
	open := newServer(t, Options{Destination: destination, Feeds: feeds})
	guarded := newServer(t, Options{Destination: destination, Feeds: feeds, Token: "made-up-token-1234"})
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via"} {
		proxied := func(r *http.Request) {
			r.Header.Set(name, "192.0.2.7")
			r.Header.Set("Authorization", "Bearer made-up-token-1234")
		}
		for _, path := range []string{"/", "/metrics"} {
			if w := get(open, path, proxied); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "serve.token") || strings.Contains(w.Body.String(), "acme") {
				t.Errorf("%s of an open server with %s: %d %s", path, name, w.Code, w.Body)
			}
			if w := get(guarded, path, proxied); w.Code != http.StatusOK {
				t.Errorf("%s of a guarded server with %s: %d", path, name, w.Code)
			}
		}
		if w := get(open, "/healthz", proxied); w.Code != http.StatusOK {
			t.Errorf("health with %s: %d", name, w.Code)
		}
	}
}
