package notify

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
)

func TestATestIsAProblemAndItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		reached, err := Try(t.Context(), w.o)
		if err != nil || len(reached) != 1 || reached[0] != "webhook" {
			t.Errorf("reached by %v: %v", reached, err)
		}
		w.expect("a test", "This is a test: nothing is wrong.", "The test is over.\nThe problem lasted 5 minutes")
		if _, beats := w.count(); beats != 0 {
			t.Error("the heartbeat was sent, which says that a run succeeded")
		}
	})
}

func TestATestThatDoesNotGetThroughSaysWhyAndNoURL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "reached")
		w := newWorld(t, func(o *Options) { o.Command = "cat >> " + out })
		w.network(func(*http.Request) (int, error) { return http.StatusNotFound, nil })
		reached, err := Try(t.Context(), w.o)
		if err == nil || !strings.Contains(err.Error(), "answered 404") || strings.Contains(err.Error(), "made-up") {
			t.Errorf("it says: %v", err)
		}
		if len(reached) != 1 || reached[0] != "command" {
			t.Errorf("reached by %v", reached)
		}
		if text, err := os.ReadFile(out); err != nil || strings.Count(string(text), `"kind":"test"`) != 2 || strings.Count(string(text), "\n") != 2 {
			t.Errorf("the command got %s, %v", text, err)
		}
	})
}

func TestCheck_NoRequest(t *testing.T) {
	t.Parallel()
	hosts, err := Check(t.Context(), Options{WebhookURL: fixed(hookURL), HeartbeatURL: fixed(heartURL)})
	if err != nil || len(hosts) != 2 || hosts["webhook"] != "hooks.example.com" || hosts["heartbeat"] != "beats.example.com" {
		t.Errorf("%v, %v", hosts, err)
	}
	_, err = Check(t.Context(), Options{
		WebhookURL: fixed("http://hooks.example.com/made-up"),
		HeartbeatURL: func(context.Context) (string, error) {
			return "", errors.New("notify.heartbeat_url_file: no such file")
		},
	})
	for _, want := range []string{"must use https", "no such file"} {
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "made-up") {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	if _, err := Check(t.Context(), Options{Format: "teams"}); err == nil {
		t.Error("an unknown format is well-formed")
	}
}
