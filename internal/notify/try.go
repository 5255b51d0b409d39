package notify

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Check tells whether what is configured is well-formed, and asks nobody: each
// URL is there and may be used. It returns the hosts, which are no secrets.
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

// Try tells, by each way there is, of a made-up problem and then of its end, as
// two messages, and says by which ways it got through. The heartbeat is not
// sent: it would say that a run succeeded.
func Try(ctx context.Context, o Options) (told []string, err error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	n := &Notifier{options: o, log: o.Log}
	n.connect()
	since := time.Now().UTC().Add(-5 * time.Minute)
	trouble := Notice{
		Kind: kindTest, State: StateOpen, What: "This is a test: nothing is wrong.", Since: since,
		Why: "a user is testing whether notifications arrive", Do: "nothing; the next message reports that the test is over",
	}
	over := Notice{Kind: kindTest, State: StateRecovered, What: "The test is over.", Since: since, Until: since.Add(5 * time.Minute)}
	var failed []error
	for _, c := range n.channels {
		if err := n.try(ctx, c, worded(o.Sender, []Notice{trouble}), worded(o.Sender, []Notice{over})); err != nil {
			failed = append(failed, fmt.Errorf("the test was not delivered by the %s: %w", c.name, err))
			continue
		}
		told = append(told, c.name)
	}
	return told, errors.Join(failed...)
}

func (n *Notifier) try(ctx context.Context, c *channel, messages ...*Message) error {
	for _, m := range messages {
		if err := n.persist(ctx, func(ctx context.Context) error { return c.send(ctx, m) }); err != nil {
			return err
		}
	}
	return nil
}
