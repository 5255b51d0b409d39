package notify

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAWebhookGetsTheFormatItAsksFor(t *testing.T) {
	t.Parallel()
	for format, check := range map[string]func(t *testing.T, body []byte){
		FormatSlack: func(t *testing.T, body []byte) {
			var got map[string]string
			if err := json.Unmarshal(body, &got); err != nil || len(got) != 1 || !strings.Contains(got["text"], "&lt;!channel&gt; &amp; more") {
				t.Errorf("%v: %s", err, body)
			}
		},
		FormatJSON: func(t *testing.T, body []byte) {
			var got Message
			if err := json.Unmarshal(body, &got); err != nil || len(got.Incidents) != 1 {
				t.Fatalf("%v: %s", err, body)
			}
			i := got.Incidents[0]
			if i.Kind != kindRun || i.State != StateOpen || i.Why != "<!channel> & more" || i.Since.IsZero() || i.Do == "" {
				t.Errorf("%+v", i)
			}
		},
	} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			bodies := make(chan []byte, 1)
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				bodies <- body
			}))
			t.Cleanup(server.Close)
			n, err := New(Options{WebhookURL: fixed(server.URL + "/hook"), Format: format, Transport: server.Client().Transport, tryTimeout: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			n.Ran(t.Context(), Scheduled{Schedule: "nightly"}, nil, errText("<!channel> & more"))
			n.Close(context.Background())
			check(t, <-bodies)
		})
	}
}

type errText string

func (e errText) Error() string { return string(e) }

func TestARedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was followed") }))
	t.Cleanup(other.Close)
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	t.Cleanup(server.Close)
	e := &endpoint{name: "webhook", url: fixed(server.URL), client: newClient(server.Client().Transport)}
	if err := e.post(t.Context(), []byte("{}")); err == nil || !strings.Contains(err.Error(), "redirects are not followed") {
		t.Error(err)
	}
}

func TestACommandGetsTheMessageAndTheCounts(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	n, err := New(Options{
		Command: `{ echo "$CONVSYNC_PROBLEMS $CONVSYNC_RECOVERIES $CONVSYNC_TEXT"; cat; } > '` + out + `'`, Sender: "convsync on testing",
		tryTimeout: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	n.Ran(t.Context(), Scheduled{Schedule: "nightly"}, report(sales, support), nil)
	n.Close(context.Background())
	got, err := os.ReadFile(out)
	if err != nil || !strings.HasPrefix(string(got), "2 0 sales (live) is failing: answered 401 Unauthorized. 1 more problem. (convsync on testing)") || !strings.Contains(string(got), `"project_id":"support"`) {
		t.Errorf("%v: %s", err, got)
	}
}

func TestACommandThatFailsSaysItsExitCodeAndNotItsWords(t *testing.T) {
	t.Parallel()
	err := runCommand(t.Context(), "echo made-up-secret >&2; exit 7", nil, &Message{})
	if err == nil || !strings.Contains(err.Error(), "exit code 7") || strings.Contains(err.Error(), "made-up") {
		t.Error(err)
	}
}

func TestACommandThatDoesNotEndIsEnded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 1)
	defer cancel()
	if err := runCommand(ctx, "exec tail -f /dev/null", nil, &Message{}); err == nil || !strings.Contains(err.Error(), "did not finish within 10s") {
		t.Error(err)
	}
}
