package notify

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Check validates the configuration without sending a request: each URL exists and
// is well-formed. It returns the hosts, which are not secret.
func Check(ctx context.Context, o Options) (hosts map[string]string, err error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	hosts = map[string]string{}
	var wrong []error
	for name, url := range map[string]URLFunc{nameWebhook: o.WebhookURL, nameHeartbeat: o.HeartbeatURL} {
		if url == nil {
			continue
		}
		u, err := (&endpoint{name: name, url: url}).resolve(ctx)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		hosts[name] = u.Host
	}
	return hosts, errors.Join(wrong...)
}

// Try sends a test problem and then its end by each channel, as two messages, and
// returns the channels that delivered both. It does not send the heartbeat, which
// would report a successful run.
func Try(ctx context.Context, o Options) (delivered []string, err error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	n := &Notifier{options: o, log: o.Log}
	n.connect()
	since := time.Now().UTC().Add(-5 * time.Minute)
	trouble := Notice{
		Kind:  kindTest,
		State: StateOpen,
		What:  "This is a test: nothing is wrong.",
		Since: since,
		Why:   "a user is testing whether notifications arrive",
		Do:    "nothing; the next message reports that the test is over",
	}
	over := Notice{
		Kind:  kindTest,
		State: StateRecovered,
		What:  "The test is over.",
		Since: since,
		Until: since.Add(5 * time.Minute),
	}
	var failed []error
	for _, c := range n.channels {
		if err := n.try(ctx, c, worded(o.Sender, []Notice{trouble}), worded(o.Sender, []Notice{over})); err != nil {
			failed = append(failed, fmt.Errorf("the test was not delivered by the %s: %w", c.name, err))
			continue
		}
		delivered = append(delivered, c.name)
	}
	return delivered, errors.Join(failed...)
}

func (n *Notifier) try(ctx context.Context, c *channel, messages ...*Message) error {
	for _, m := range messages {
		if err := n.persist(ctx, func(ctx context.Context) error { return c.send(ctx, m) }); err != nil {
			return err
		}
	}
	return nil
}
