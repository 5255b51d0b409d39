package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"convsync/internal/loopback"
)

// guard authenticates requests, except those of health checks.
type guard struct {
	digests  atomic.Pointer[digests]
	attempts attempts
	now      func() time.Time
}

type digests struct{ token, user, password [sha256.Size]byte }

func newGuard(o *Options) *guard {
	g := &guard{attempts: attempts{log: o.Log, failed: o.Metrics.countFailedLogin}, now: time.Now}
	g.set(o.Token, o.BasicUser, o.BasicPassword)
	return g
}

func (g *guard) set(token, user, password string) {
	g.digests.Store(&digests{sha256.Sum256([]byte(token)), sha256.Sum256([]byte(user)), sha256.Sum256([]byte(password))})
}

const (
	shortestToken    = 16 // characters
	shortestPassword = 12
)

// checkStrength rejects secrets that are short enough to guess; "" is no secret.
func checkStrength(token, password string) error {
	switch {
	case token != "" && len(token) < shortestToken:
		return fmt.Errorf("the token has %d characters and needs at least %d: generate one with `openssl rand -hex 16`", len(token), shortestToken)
	case password != "" && len(password) < shortestPassword:
		return fmt.Errorf("the password has %d characters and needs at least %d", len(password), shortestPassword)
	}
	return nil
}

// admit wraps next with authentication or, if none is configured, with onlyLocal.
func (g *guard) admit(o *Options, next http.Handler) http.Handler {
	if !o.guarded() {
		return onlyLocal(o.Log, next)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, asked := peerOf(r), r.Header.Get("Authorization") != ""
		if wait := g.attempts.delay(peer, g.now()); asked && wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
			http.Error(w, "Too many failed logins from this address: wait, and try again.", http.StatusTooManyRequests)
			return
		}
		if g.knows(r, o.Token != "", o.BasicUser != "") {
			g.attempts.succeeded(peer)
			next.ServeHTTP(w, r)
			return
		}
		if asked { // the first request of a browser has no credentials
			g.attempts.fail(peer, g.now())
		}
		challenge(w, o.Token != "")
	})
}

func challenge(w http.ResponseWriter, byToken bool) {
	w.Header().Add("WWW-Authenticate", `Basic realm="convsync", charset="UTF-8"`)
	if byToken {
		w.Header().Add("WWW-Authenticate", `Bearer realm="convsync"`)
	}
	http.Error(w, "This page requires a token, or a user and a password.", http.StatusUnauthorized)
}

// knows compares digests, so that its duration depends on neither the bytes nor
// the length of a secret.
func (g *guard) knows(r *http.Request, byToken, byPassword bool) bool {
	known := g.digests.Load()
	user, password, basic := r.BasicAuth()
	if basic {
		ok := byPassword && same(user, known.user)&same(password, known.password) == 1
		return ok || byToken && same(password, known.token) == 1
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return byToken && strings.EqualFold(scheme, "Bearer") && same(token, known.token) == 1
}

func same(given string, want [sha256.Size]byte) int {
	sum := sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(sum[:], want[:])
}

// onlyLocal rejects requests that do not originate on this machine: requests for
// another host name, because a web site whose name resolves to this machine could
// read the page through a browser here (DNS rebinding), and requests of a reverse
// proxy, which would make a page without a token public.
func onlyLocal(log *slog.Logger, next http.Handler) http.Handler {
	var proxied sync.Once
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = strings.Trim(r.Host, "[]")
		}
		header := forwardedBy(r.Header)
		switch {
		case header != "":
			proxied.Do(func() {
				log.Warn("refused a request through a reverse proxy: the status page has no token", "header", header,
					"hint", "set serve.token, or serve.user and serve.password, to serve it through a proxy")
			})
			http.Error(w, "A reverse proxy forwarded this request ("+header+"), and this page has no token: it would be public. "+
				"Set serve.token, or serve.user and serve.password.", http.StatusForbidden)
		case !loopback.Host(host):
			http.Error(w, "This page is available on this machine only: open it as localhost or 127.0.0.1, "+
				"or set a token to use another host name.", http.StatusMisdirectedRequest)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// forwardedBy returns the first header that a reverse proxy sets; "": none.
func forwardedBy(h http.Header) string {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if name == "Forwarded" || name == "Via" || name == "X-Real-Ip" || strings.HasPrefix(name, "X-Forwarded-") {
			return name
		}
	}
	return ""
}

// harden sets the security headers of every response.
func harden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
