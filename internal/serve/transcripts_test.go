package serve

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Transcripts need a login, on every address.
func TestTranscripts_Login(t *testing.T) {
	t.Parallel()
	transcripts := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "what was said") })
	login := func(r *http.Request) { r.Header.Set("Authorization", "Bearer made-up-token-1234") }
	for name, c := range map[string]struct {
		options Options
		login   bool
		want    int
		shown   bool
	}{
		"none":           {Options{}, false, http.StatusNotFound, false},
		"no login":       {Options{Transcripts: transcripts}, false, http.StatusForbidden, false},
		"anonymous":      {Options{Transcripts: transcripts, Token: "made-up-token-1234"}, false, http.StatusUnauthorized, false},
		"with the token": {Options{Transcripts: transcripts, Token: "made-up-token-1234"}, true, http.StatusOK, true},
	} {
		destination, feeds := healthy(1, time.Now())
		c.options.Destination, c.options.Feeds = destination, feeds
		s := newServer(t, c.options)
		change := []func(*http.Request){}
		if c.login {
			change = append(change, login)
		}
		w := get(s, "/transcript?id=c-1", change...)
		if w.Code != c.want || strings.Contains(w.Body.String(), "what was said") != c.shown {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if page := get(s, "/", change...).Body.String(); strings.Contains(page, `action="transcript"`) != c.shown {
			t.Errorf("%s: the page offers transcripts: %v", name, !c.shown)
		}
	}
}
