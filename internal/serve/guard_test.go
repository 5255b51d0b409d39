package serve

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestAnAddressThatOthersReachTakesASecret(t *testing.T) {
	t.Parallel()
	destination, _ := healthy(0, time.Now())
	for address, open := range map[string]bool{
		"127.0.0.1:0": true, "localhost:0": true, "[::1]:0": true, "127.8.9.1:0": true, "[::ffff:127.0.0.1]:0": true, "": true,
		":8080": false, "0.0.0.0:8080": false, "[::]:8080": false, "10.1.2.3:80": false, "status.example.com:80": false,
		"localhost.example.com:80": false,
	} {
		_, err := New(Options{Address: address, Destination: destination})
		if (err == nil) != open {
			t.Errorf("%q without a secret: %v, want allowed: %v", address, err, open)
		}
		if err != nil && !strings.Contains(err.Error(), "set a token") {
			t.Errorf("%q: %v does not say what to do", address, err)
		}
		if _, err := New(Options{Address: address, Token: "made-up-token-1234", Destination: destination}); err != nil {
			t.Errorf("%q with a token: %v", address, err)
		}
	}
}

func TestHalfASecretIsRefused(t *testing.T) {
	t.Parallel()
	destination, feeds := healthy(1, time.Now())
	for name, o := range map[string]Options{
		"a user without a password":   {BasicUser: "ada"},
		"a password without a user":   {BasicPassword: "made-up"},
		"a certificate without a key": {CertFile: "cert.pem"},
		"files that are not there":    {CertFile: "no-cert.pem", KeyFile: "no-key.pem"},
		"no port":                     {Address: "127.0.0.1"},
		"a feed twice":                {Feeds: append(feeds, feeds...)},
		"an unknown zone":             {Feeds: []Feed{{ProjectID: "p", Environment: "live", TimeZone: "Mars/Base"}}},
	} {
		o.Destination = destination
		if _, err := New(o); err == nil {
			t.Errorf("%s: it started", name)
		}
	}
}

func TestWhoMaySeeWhat(t *testing.T) {
	t.Parallel()
	type ask = func(*http.Request)
	bearer := func(token string) ask {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	}
	basic := func(user, password string) ask { return func(r *http.Request) { r.SetBasicAuth(user, password) } }
	anonymous := func(*http.Request) {}
	asks := map[string]ask{
		"anonymous": anonymous, "token": bearer("made-up-token-1234"), "wrong token": bearer("made-up-token-1235"), "longer token": bearer("made-up-token-12345"),
		"no token": bearer(""), "user": basic("ada", "made-up-password"), "wrong user": basic("bob", "made-up-password"),
		"wrong password": basic("ada", "made-up"), "empty user": basic("", ""), "token as password": basic("anyone", "made-up-token-1234"),
		"password as token": bearer("made-up-password"),
		"scheme alone":      func(r *http.Request) { r.Header.Set("Authorization", "Bearer") },
		"another scheme":    func(r *http.Request) { r.Header.Set("Authorization", "Digest made-up-token-1234") },
	}
	for name, c := range map[string]struct {
		options  Options
		admitted string // names of asks, between commas
	}{
		"token": {Options{Token: "made-up-token-1234"}, "token,token as password"},
		"basic": {Options{BasicUser: "ada", BasicPassword: "made-up-password"}, "user"},
		"both":  {Options{Token: "made-up-token-1234", BasicUser: "ada", BasicPassword: "made-up-password"}, "token,token as password,user"},
	} {
		destination, feeds := healthy(1, time.Now())
		c.options.Destination, c.options.Feeds, c.options.Address = destination, feeds, "0.0.0.0:0"
		s := newServer(t, c.options)
		for who, ask := range asks {
			want := http.StatusUnauthorized
			if strings.Contains(","+c.admitted+",", ","+who+",") {
				want = http.StatusOK
			}
			for _, path := range []string{"/", "/metrics", "/style.css"} {
				if w := get(s, path, ask); w.Code != want {
					t.Errorf("%s: %s asks for %s: %d, want %d", name, who, path, w.Code, want)
				} else if want != http.StatusOK && (w.Header().Get("WWW-Authenticate") == "" || strings.Contains(w.Body.String(), "acme")) {
					t.Errorf("%s: %s gets %q", name, who, w.Body)
				}
			}
			for _, path := range []string{"/healthz", "/readyz"} {
				if w := get(s, path, ask); w.Code != http.StatusOK {
					t.Errorf("%s: %s asks for %s: %d", name, who, path, w.Code)
				}
			}
		}
		if w := get(s, "/anything"); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: an unknown page tells strangers %d", name, w.Code)
		}
	}
}

func TestAnOpenServerAnswersToLocalNamesOnly(t *testing.T) {
	t.Parallel()
	destination, feeds := healthy(1, time.Now())
	s := newServer(t, Options{Destination: destination, Feeds: feeds})
	for host, want := range map[string]int{
		"localhost:8080": 200, "127.0.0.1:8080": 200, "[::1]:8080": 200, "localhost": 200, "[::1]": 200,
		"rebound.example.com:8080": 421, "rebound.example.com": 421, "10.0.0.1:8080": 421, "": 421,
	} {
		if w := get(s, "/", func(r *http.Request) { r.Host = host }); w.Code != want {
			t.Errorf("asked as %q: %d, want %d", host, w.Code, want)
		}
	}
}

func TestEveryAnswerIsHardened(t *testing.T) {
	t.Parallel()
	destination, feeds := healthy(1, time.Now())
	s := newServer(t, Options{Destination: destination, Feeds: feeds})
	for _, path := range []string{"/", "/metrics", "/style.css", "/healthz", "/readyz", "/nothing"} {
		h := get(s, path).Header()
		if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
	}
	if w := get(s, "/", func(r *http.Request) { r.Method = http.MethodPost }); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("a POST is answered %d", w.Code)
	}
}
