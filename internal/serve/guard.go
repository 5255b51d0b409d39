package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
)

// guard lets those in who may see more than health.
type guard struct{ digests atomic.Pointer[digests] }

type digests struct{ token, user, password [sha256.Size]byte }

func newGuard(o *Options) *guard {
	g := &guard{}
	g.set(o.Token, o.BasicUser, o.BasicPassword)
	return g
}

func (g *guard) set(token, user, password string) {
	g.digests.Store(&digests{sha256.Sum256([]byte(token)), sha256.Sum256([]byte(user)), sha256.Sum256([]byte(password))})
}

// admit wraps next for an open server or a guarded one.
func (g *guard) admit(o *Options, next http.Handler) http.Handler {
	if !o.guarded() {
		return onlyLocalNames(next)
	}
	challenge := `Basic realm="convsync", charset="UTF-8"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.knows(r, o.Token != "", o.BasicUser != "") {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Add("WWW-Authenticate", challenge)
		if o.Token != "" {
			w.Header().Add("WWW-Authenticate", `Bearer realm="convsync"`)
		}
		http.Error(w, "This page asks for a token, or for a user and a password.", http.StatusUnauthorized)
	})
}

// knows compares digests, so that neither a secret's bytes nor its length show
// in the time that it takes.
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

// onlyLocalNames refuses requests that name another host. A web site that lets
// its name lead to this machine could else read the page through a browser here.
func onlyLocalNames(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = strings.Trim(r.Host, "[]")
		}
		if !isLoopback(host) {
			http.Error(w, "This page is for this machine only: ask for it as localhost or 127.0.0.1, "+
				"or set a token to use another name.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// harden sets the headers that every answer has.
func harden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
