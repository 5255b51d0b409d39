package notify

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"
)

// A URLFunc returns the URL for each delivery, so that it can be rotated. Its error
// names the origin of the URL, and no part of the URL.
type URLFunc func(ctx context.Context) (string, error)

// The formats of a webhook.
const (
	FormatSlack = "slack" // {"text": …}, which Slack, Mattermost and others accept
	FormatJSON  = "json"  // [Message]
)

// Options configure a notifier. Each channel is optional.
type Options struct {
	WebhookURL URLFunc
	Format     string // of the webhook: FormatSlack unless set
	// Command is run by the shell, with a [Message] as JSON on its input, and
	// CONVSYNC_TEXT, CONVSYNC_REPORT (the page of the newest report, if there is one),
	// CONVSYNC_PROBLEMS and CONVSYNC_RECOVERIES (counts) in addition to CommandEnv. It has 10 s; an exit code other than 0 counts as not
	// delivered.
	Command string
	// CommandEnv is the environment of Command, as NAME=value. Nothing is
	// inherited from this process, whose environment holds secrets.
	CommandEnv []string
	// HeartbeatURL is requested (GET) after each successful run.
	HeartbeatURL URLFunc
	// StatePath is the file that stores open incidents; its folder must exist.
	// Without it, open incidents are reported again after a restart.
	StatePath string
	// Schedules are the configured ones; incidents of others are dropped.
	Schedules []string
	// StaleAfter is the age from which a watermark is an incident: somewhat more
	// than the time between two runs. 26 h unless set.
	StaleAfter time.Duration
	// Sender is named in each message; "convsync on" this machine unless set.
	Sender    string
	Log       *slog.Logger      // discarded unless set
	Transport http.RoundTripper // the default of net/http unless set

	tryTimeout time.Duration // of one try; tests set it
}

// Notifier tracks incidents and reports them. It is safe for concurrent use.
type Notifier struct {
	options   Options
	log       *slog.Logger
	channels  []*channel
	heartbeat *endpoint // nil: none

	mu     sync.Mutex
	state  state
	saved  []byte // content of the file
	beat   bool   // a run succeeded, and its heartbeat was not sent yet
	closed bool

	wake chan struct{} // there is something to deliver
	quit chan struct{}
	done chan struct{}
	stop context.CancelFunc // cancels deliveries in progress
}

// New creates a notifier. The caller must close it.
func New(o Options) (*Notifier, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	n := &Notifier{
		options: o,
		log:     o.Log,
		wake:    make(chan struct{}, 1),
		quit:    make(chan struct{}),
		done:    make(chan struct{}),
	}
	if err := n.load(); err != nil {
		return nil, err
	}
	n.state.keepSchedules(o.Schedules)
	n.connect()
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	go n.work(ctx)
	return n, nil
}

// complete sets defaults and validates.
func (o *Options) complete() error {
	if o.Format = cmp.Or(o.Format, FormatSlack); o.Format != FormatSlack && o.Format != FormatJSON {
		return fmt.Errorf("unknown webhook format %q: expected %s or %s", o.Format, FormatSlack, FormatJSON)
	}
	if o.StaleAfter = cmp.Or(o.StaleAfter, 26*time.Hour); o.StaleAfter < 0 {
		return fmt.Errorf("stale_after is %s: expected a duration above 0, such as 26h", o.StaleAfter)
	}
	o.tryTimeout = cmp.Or(o.tryTimeout, tryTimeout)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Sender == "" {
		o.Sender = "convsync"
		if host, err := os.Hostname(); err == nil {
			o.Sender += " on " + host
		}
	}
	return nil
}

// connect creates the channels.
func (n *Notifier) connect() {
	client := newClient(n.options.Transport)
	if n.options.WebhookURL != nil {
		hook := &endpoint{name: nameWebhook, url: n.options.WebhookURL, client: client}
		n.channels = append(n.channels, &channel{hook.name, func(ctx context.Context, m *Message) error {
			return hook.post(ctx, m.body(n.options.Format))
		}})
	}
	if n.options.Command != "" {
		n.channels = append(n.channels, &channel{"command", func(ctx context.Context, m *Message) error {
			return runCommand(ctx, n.options.Command, n.options.CommandEnv, m)
		}})
	}
	if n.options.HeartbeatURL != nil {
		n.heartbeat = &endpoint{name: nameHeartbeat, url: n.options.HeartbeatURL, client: client}
	}
}

// Close stops the notifier. Pending deliveries continue until ctx ends; what is not
// delivered by then remains in the state file.
func (n *Notifier) Close(ctx context.Context) {
	n.mu.Lock()
	if !n.closed {
		n.closed = true
		close(n.quit)
	}
	n.mu.Unlock()
	select {
	case <-n.done:
	case <-ctx.Done():
	}
	n.stop()
	<-n.done
}
