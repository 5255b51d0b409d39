package notify

import (
	"context"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	tries      = 3
	tryTimeout = 10 * time.Second // of one try
)

// channel is a way to deliver messages.
type channel struct {
	name string
	send func(ctx context.Context, m *Message) error
}

// work delivers after each event, until the notifier is closed.
func (n *Notifier) work(ctx context.Context) {
	defer close(n.done)
	for {
		select {
		case <-n.wake:
			n.deliver(ctx)
			continue
		case <-n.quit:
		}
		select {
		case <-n.wake: // events before Close
			n.deliver(ctx)
		default:
		}
		return
	}
}

// deliver sends each channel its pending notices. A channel that hangs does not
// delay the others.
func (n *Notifier) deliver(ctx context.Context) {
	var all sync.WaitGroup
	for _, c := range n.channels {
		all.Go(func() { n.send(ctx, c) })
	}
	all.Go(func() { n.sendHeartbeat(ctx) })
	all.Wait()
}

func (n *Notifier) send(ctx context.Context, c *channel) {
	n.mu.Lock()
	m := newMessage(n.options.Sender, c.name, &n.state, time.Now())
	n.mu.Unlock()
	if m == nil {
		return
	}
	if err := n.persist(ctx, func(ctx context.Context) error { return c.send(ctx, m) }); err != nil {
		n.log.Error("notification failed; retrying with the next event",
			"channel", c.name, "incidents", len(m.Incidents), "reports", len(m.Reports), "error", err.Error())
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state.heard(c.name, m)
	n.save(ctx)
}

// heard records what was delivered by a channel. Later changes remain pending.
func (s *state) heard(channel string, m *Message) {
	for _, notice := range m.Incidents {
		if i := s.find(notice.Kind, notice.subject()); i != nil {
			i.heard(channel, notice.State == StateOpen)
		}
	}
	s.deliveredReports(channel, m.Reports)
}

// sendHeartbeat reports that a run succeeded. A heartbeat that fails is not
// retried later: the next successful run sends another.
func (n *Notifier) sendHeartbeat(ctx context.Context) {
	n.mu.Lock()
	beat := n.beat && n.heartbeat != nil
	n.beat = false
	n.mu.Unlock()
	if !beat {
		return
	}
	if err := n.persist(ctx, n.heartbeat.get); err != nil {
		n.log.Error("heartbeat failed; the next successful run sends one", "error", err.Error())
	}
}

// persist tries a delivery with retries.
func (n *Notifier) persist(ctx context.Context, send func(context.Context) error) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		try, cancel := context.WithTimeout(ctx, n.options.tryTimeout)
		defer cancel()
		return struct{}{}, send(try)
	}, backoff.WithBackOff(backoff.NewExponentialBackOff()), backoff.WithMaxTries(tries))
	return err
}
