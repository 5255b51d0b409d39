package parquet

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Read implements [load.Archive]. While a run writes, each partition is read as of
// one commit. A conversation whose start moves to another partition meanwhile may
// be read in both or in neither.
func (l *Lake) Read(ctx context.Context, feed load.Feed, from, until warehouse.Timestamp, yield func(*warehouse.Rows) error) error {
	if from >= until {
		return nil
	}
	var refused error // the error of yield, as opposed to one of the lake
	return l.eachPart(feed.ProjectID, daySpan{dayOf(from), dayOf(until - 1)}, func(p storedPart, days daySpan) error {
		if !slices.Contains(p.info.environments(), feed.Environment) {
			return nil
		}
		within := partition{p.project, days.first, days.last}
		from, until := max(from, within.from()), min(until, within.until())
		err := l.readPart(ctx, p.partition, feed.Environment, from, until, func(r *warehouse.Rows) error {
			refused = yield(r)
			return refused
		})
		switch {
		case refused != nil || ctx.Err() != nil:
			return cmp.Or(refused, err)
		case err == nil || errors.Is(err, errRearranged):
			return err
		}
		return &load.DamagedError{From: from, Until: until, Err: err}
	})
}

func (l *Lake) readPart(ctx context.Context, p partition, environment string, from, until warehouse.Timestamp, yield func(*warehouse.Rows) error) (err error) {
	r, err := l.openSettled(ctx, p, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	return r.each(ctx, environment, from, until, yield)
}

// each yields the conversations of an environment that started within [from,
// until).
func (d *partReader) each(ctx context.Context, environment string, from, until warehouse.Timestamp, yield func(*warehouse.Rows) error) error {
	var r warehouse.Rows
	for {
		more, err := d.next(&r)
		if err = cmp.Or(err, ctx.Err()); err != nil || !more {
			return err
		}
		c := &r.Conversation
		if c.Environment != environment || c.StartedAt < from || c.StartedAt >= until {
			continue
		}
		if err := yield(&r); err != nil {
			return err
		}
	}
}

// Keys implements [load.Archive].
func (l *Lake) Keys(ctx context.Context, feed load.Feed, from, until warehouse.Timestamp) (keys []load.Key, err error) {
	if from >= until {
		return nil, nil
	}
	only := selection{conversations.Name(): keyColumns}
	err = l.eachPart(feed.ProjectID, daySpan{dayOf(from), dayOf(until - 1)}, func(p storedPart, days daySpan) error {
		if !slices.Contains(p.info.environments(), feed.Environment) {
			return nil
		}
		return l.eachConversation(ctx, p.partition, only, func(c *warehouse.Conversation) {
			if c.Environment == feed.Environment && c.StartedAt >= from && c.StartedAt < until && days.has(p.dayOf(c.StartedAt)) {
				keys = append(keys, keyOf(c))
			}
		})
	})
	return keys, err
}

// eachConversation reads some columns of the conversations of a partition, as of
// one commit.
func (l *Lake) eachConversation(ctx context.Context, p partition, only selection, do func(*warehouse.Conversation)) (err error) {
	d, err := l.openSettled(ctx, p, only)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	return d.files[0].each(func(row any) { do(row.(*warehouse.Conversation)) })
}

// keyOf returns the key of a conversation. Its text is not that of the row.
func keyOf(c *warehouse.Conversation) load.Key {
	return load.Key{ID: strings.Clone(c.ConversationID), StartedAt: c.StartedAt, Missing: c.MissingSince.Valid}
}

// keyColumns are the columns of a conversation's [load.Key] and feed.
var keyColumns = []string{"conversation_id", "environment", "started_at", "missing_since"}

// HiddenDays implements [load.Archive].
func (l *Lake) HiddenDays(_ context.Context, feed load.Feed, parts load.Parts) ([]warehouse.Timestamp, error) {
	days, err := l.days(feed, math.MinInt64, math.MaxInt64)
	var hidden []warehouse.Timestamp
	for _, d := range days {
		if parts.Transcripts && d.Hidden > 0 || parts.Metrics && d.Metrics == 0 {
			hidden = append(hidden, warehouse.TimestampOf(d.day.time()))
		}
	}
	return hidden, err
}

// Rejects implements [load.Archive].
func (l *Lake) Rejects(ctx context.Context, feed load.Feed, yield func(*warehouse.Reject) error) (err error) {
	v, err := l.view()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	return eachLine(v, &warehouse.Rejects, statePath(warehouse.Rejects.Name), func(r *warehouse.Reject) error {
		if err := ctx.Err(); err != nil || r.ProjectID != feed.ProjectID || r.Environment != feed.Environment {
			return err
		}
		return yield(r)
	})
}

// RejectKeys implements [load.Archive].
func (l *Lake) RejectKeys(ctx context.Context, feed load.Feed) (keys []load.RejectKey, err error) {
	v, err := l.view()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	name := statePath(warehouse.Rejects.Name)
	err = eachText(v, name, func(line []byte) error {
		r, err := parseSome(rejectKeys, line)
		if err != nil {
			return damaged(l.path(name), err)
		}
		if ofReject(&r).feed == feed {
			keys = append(keys, load.RejectKey{
				RejectID: r.RejectID, ConversationID: string(r.ConversationID), StartedAt: r.StartedAt, Missing: r.MissingSince.Valid,
			})
		}
		return ctx.Err()
	})
	return keys, err
}

// feedDay is a day that has stored conversations of a feed.
type feedDay struct {
	day day
	*tally
}

// days lists, in order and from the manifests, the days of a feed that may have
// conversations that started within [from, until).
func (l *Lake) days(feed load.Feed, from, until warehouse.Timestamp) (days []feedDay, err error) {
	if from >= until {
		return nil, nil
	}
	span := daySpan{dayOf(from), dayOf(until - 1)}
	parts, err := l.storedParts(feed.ProjectID, span)
	for _, p := range parts {
		for d, info := range p.info.days {
			if t := info.Environments[feed.Environment]; t != nil && span.has(d) {
				days = append(days, feedDay{d, t})
			}
		}
	}
	slices.SortFunc(days, func(a, b feedDay) int { return cmp.Compare(a.day, b.day) })
	return days, err
}
