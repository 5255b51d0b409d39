package loadtest

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/warehouse"
)

// queue returns the data whose open-conversation queue the fault returns.
func (f fault) queue(d *memory.Data) *memory.Data {
	for _, rows := range d.Conversations {
		switch f {
		case missingStaysOpen:
			rows.Conversation.MissingSince = warehouse.Null[warehouse.Timestamp]{}
		case neverClosed:
			rows.Conversation.Lifecycle = warehouse.LifecycleOpen
		}
	}
	return d
}

// as returns a destination in which each stored conversation is changed.
func (b *broken) as(change func(*warehouse.Conversation)) *memory.Destination {
	d := b.Snapshot()
	for _, rows := range d.Conversations {
		change(&rows.Conversation)
	}
	return memory.From(d)
}

func (b *broken) State(ctx context.Context, feeds []load.Feed) (map[load.Feed]load.FeedState, error) {
	return memory.From(b.fault.queue(b.Snapshot())).State(ctx, feeds)
}

func (b *broken) Projects(ctx context.Context) ([]warehouse.Project, error) {
	if b.fault == forgetsProjects {
		return nil, nil
	}
	return b.Destination.Projects(ctx)
}

func (b *broken) Read(ctx context.Context, feed load.Feed, from, until warehouse.Timestamp, yield func(*warehouse.Rows) error) error {
	if b.fault == readsUnstopped {
		ctx = context.WithoutCancel(ctx)
	}
	var read []*warehouse.Rows
	err := b.within(feed).Read(ctx, feed, from, b.end(until), func(rows *warehouse.Rows) error {
		read = append(read, rows)
		return nil
	})
	if b.fault == readsUnordered {
		slices.SortFunc(read, func(a, b *warehouse.Rows) int {
			return cmp.Compare(a.Conversation.ConversationID, b.Conversation.ConversationID)
		})
	}
	for _, rows := range read {
		if b.fault == readsNoParts {
			rows.Turns, rows.Entities, rows.Metrics, rows.Audio = nil, nil, nil, nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err = errors.Join(err, yield(rows)); err != nil && b.fault != readsOn {
			return err
		}
	}
	return err
}

// within returns a destination with what the fault returns of a feed.
func (b *broken) within(feed load.Feed) *memory.Destination {
	return b.as(func(c *warehouse.Conversation) {
		if b.fault == readsElsewhere && c.ProjectID == feed.ProjectID {
			c.Environment = feed.Environment
		}
	})
}

// end returns the end of a time range that is read.
func (b *broken) end(until warehouse.Timestamp) warehouse.Timestamp {
	if b.fault == readsUntilToo {
		return until + 1
	}
	return until
}

func (b *broken) Keys(ctx context.Context, feed load.Feed, from, until warehouse.Timestamp) ([]load.Key, error) {
	keys, err := b.within(feed).Keys(ctx, feed, from, b.end(until))
	for i := range keys {
		keys[i].Missing = keys[i].Missing && b.fault != keysForget
	}
	return keys, err
}

// The faults of digests.
const (
	noDigests       fault = "stores no digests"
	digestsForMoved fault = "keeps the first digest of a conversation"
	digestsStay     fault = "keeps the digest of what is marked as missing"
)

func (b *broken) Digests(ctx context.Context, feed load.Feed, from, until warehouse.Timestamp) ([]load.DigestKey, error) {
	keys, err := b.Destination.Digests(ctx, feed, from, until)
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range keys {
		k := &keys[i]
		first, seen := b.digests[k.ID]
		switch {
		case b.fault == noDigests:
			k.Digest = warehouse.Digest{}
		case !seen && k.Digest.IsKnown():
			b.digests[k.ID] = k.Digest
		case b.fault == digestsForMoved && k.Digest.IsKnown(), b.fault == digestsStay && seen && !k.Digest.IsKnown():
			k.Digest = first
		}
	}
	return keys, err
}

func (b *broken) HiddenDays(ctx context.Context, feed load.Feed, parts load.Parts) ([]warehouse.Timestamp, error) {
	if b.fault == daysOfAllParts {
		parts = load.Parts{Transcripts: true, Metrics: true}
	}
	return b.as(func(c *warehouse.Conversation) {
		if b.fault == daysForgetKept && c.TranscriptStatus == warehouse.TranscriptHiddenKept {
			c.TranscriptStatus = warehouse.TranscriptNone
		}
	}).HiddenDays(ctx, feed, parts)
}

func (b *broken) Rejects(ctx context.Context, feed load.Feed, yield func(*warehouse.Reject) error) (err error) {
	for _, r := range b.Snapshot().Rejects {
		if feed != (load.Feed{ProjectID: r.ProjectID, Environment: r.Environment}) && b.fault != rejectsAnywhere {
			continue
		}
		if err = errors.Join(err, yield(&r)); err != nil && b.fault != rejectsOn {
			return err
		}
	}
	return err
}

func (b *broken) Audit(ctx context.Context, project string, from, until warehouse.Timestamp, yield func(load.Fault) error) error {
	return b.Destination.Audit(ctx, project, from, until, func(f load.Fault) error {
		switch b.fault {
		case findsNoFaults:
			return nil
		case namesFaultsAlike:
			f.Kind = load.FaultManifest
		}
		return yield(f)
	})
}

func (b *broken) Daily(ctx context.Context, feeds []load.Feed, from, until warehouse.Timestamp) ([]load.Day, error) {
	const hour = 3600 * 1_000_000
	for _, f := range feeds {
		if b.fault == daysElsewhere && f.Environment == Live {
			feeds = append(feeds[:len(feeds):len(feeds)], load.Feed{ProjectID: f.ProjectID, Environment: Sandbox})
		}
	}
	if b.fault == daysUntilToo {
		until++
	}
	days, err := b.as(func(c *warehouse.Conversation) {
		switch b.fault {
		case daysCountMissing:
			c.MissingSince = warehouse.Null[warehouse.Timestamp]{}
		case daysUnsaidIsNo:
			c.Handoff.Valid = true
		case daysLocal:
			c.StartedAt += hour
		}
	}).Daily(ctx, feeds, from, until)
	for i := range days {
		if b.fault == daysInterpolate {
			days[i].LatencyP95Seconds.V += 0.01
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.remembered == nil {
		b.remembered = days
	}
	if b.fault == daysRemembered {
		return b.remembered, err
	}
	return days, err
}

func (b *broken) TakeIn(ctx context.Context, event *warehouse.WebhookEvent, alert *warehouse.ActiveAlert) (fresh bool, err error) {
	fresh, err = b.Destination.TakeIn(ctx, event, alert)
	b.Edit(func(d *memory.Data) {
		if b.fault == doublesEvents && !fresh {
			d.Events = append(d.Events, *event)
		}
		for i := range d.Alerts {
			switch a := &d.Alerts[i]; {
			case alert == nil || a.AlertID != alert.AlertID:
			case b.fault == alertsOfDoubled && !fresh:
				*a = load.MergeAlert(*a, *alert)
			case b.fault == lastAlert && fresh:
				*a = *alert
			}
		}
	})
	b.saved()
	return fresh, err
}

func (b *broken) Waiting(ctx context.Context, limit int) ([]warehouse.WebhookEvent, error) {
	if b.fault != waitsUnordered {
		return b.Destination.Waiting(ctx, limit)
	}
	waiting, err := b.Destination.Waiting(ctx, math.MaxInt)
	slices.SortFunc(waiting, func(a, b warehouse.WebhookEvent) int { return strings.Compare(a.EventID, b.EventID) })
	return waiting[:min(limit, len(waiting))], err
}

func (b *broken) Recent(ctx context.Context, since warehouse.Timestamp) ([]warehouse.WebhookEvent, error) {
	recent, err := b.Destination.Recent(ctx, since)
	return slices.DeleteFunc(recent, func(e warehouse.WebhookEvent) bool {
		return b.fault == recentWaiting && e.State != warehouse.EventWaiting
	}), err
}

func (b *broken) Settle(ctx context.Context, ids []string, settled load.Settled) error {
	b.Edit(func(d *memory.Data) {
		for i := range d.Events {
			if b.fault == settlesAgain && slices.Contains(ids, d.Events[i].EventID) {
				d.Events[i].State = warehouse.EventWaiting
			}
		}
	})
	err := b.Destination.Settle(ctx, ids, settled)
	b.saved()
	return err
}
