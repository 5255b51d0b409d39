package parquet

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

var _ load.RecordingReader = (*Lake)(nil)

// recordedColumns are the columns of [load.RecordedConversation].
var recordedColumns = []string{
	"conversation_id", "environment", "channel", "channel_family", "direction", "from_number", "to_number",
	"started_at", "finished_at", "lifecycle", "total_duration_seconds", "missing_since", "run_id",
}

// eachRecorded calls do with the conversations of a partition as of one commit, in
// order, with their references and the pending results merged into them. What it
// is called with is valid until it returns.
func (l *Lake) eachRecorded(ctx context.Context, part partition, p *pendingResults, columns []string, do func(*warehouse.Rows) error) (err error) {
	d, err := l.openSettled(ctx, part, selection{conversations.Name(): columns, audio.Name(): nil})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	var r warehouse.Rows
	for {
		more, err := d.next(&r)
		if err = cmp.Or(err, ctx.Err()); err != nil || !more {
			return err
		}
		r.Audio, _ = mergeResults(&r.Conversation, r.Audio, p.byID[r.Conversation.ConversationID])
		if err := do(&r); err != nil {
			return err
		}
	}
}

// Backlog implements [load.RecordingReader]. It opens only partitions that may have
// due references.
func (l *Lake) Backlog(ctx context.Context, project string, b load.Backlog) (due []load.RecordedConversation, err error) {
	due, err = l.backlog(ctx, project, &b)
	return due, failed("cannot read the recordings in the lake "+l.root, err)
}

func (l *Lake) backlog(ctx context.Context, project string, b *load.Backlog) (due []load.RecordedConversation, err error) {
	p, err := l.pending(project)
	if err != nil {
		return nil, err
	}
	span := daySpan{firstDay, lastDay}
	if b.Before != (load.RecordingPlace{}) {
		span.last = dayOf(b.Before.StartedAt)
	}
	parts, err := l.storedParts(project, span)
	for len(parts) > 0 && len(due) < b.Limit && err == nil {
		part := parts[len(parts)-1]
		parts = parts[:len(parts)-1]
		if !p.has(part.partition) && !part.due(b) {
			continue
		}
		var more []load.RecordedConversation
		more, err = l.dueOn(ctx, part.partition, span, p, b, b.Limit-len(due))
		if errors.Is(err, errRearranged) {
			parts, err = l.storedParts(project, span)
			continue
		}
		due = append(due, more...)
		span.last = part.first - 1
	}
	return due, err
}

// due reports whether a backlog may have references of the partition.
func (p *storedPart) due(b *load.Backlog) bool {
	for _, d := range p.info.days {
		if d.Recordings.due(b) {
			return true
		}
	}
	return false
}

// dueOn lists the due references of some days of a partition, the newest
// conversations first.
func (l *Lake) dueOn(ctx context.Context, part partition, days daySpan, p *pendingResults, b *load.Backlog, limit int) (due []load.RecordedConversation, err error) {
	err = l.eachRecorded(ctx, part, p, recordedColumns, func(r *warehouse.Rows) error {
		c := &r.Conversation
		if r.IsOpen() || c.MissingSince.Valid || part.dayOf(c.StartedAt) > days.last || !b.Includes(load.RecordingPlace{StartedAt: c.StartedAt, ConversationID: c.ConversationID}) {
			return nil
		}
		var recordings []warehouse.AudioReference
		for i := range r.Audio {
			if b.Due(&r.Audio[i]) {
				recordings = append(recordings, ownReference(&r.Audio[i]))
			}
		}
		if len(recordings) == 0 {
			return nil
		}
		found := ownRecorded(c)
		found.Recordings = recordings
		if due = append(due, found); len(due) >= 2*limit {
			due = append(due[:0], due[len(due)-limit:]...)
		}
		return nil
	})
	slices.Reverse(due)
	return due[:min(len(due), limit)], err
}

// ownRecorded returns a conversation whose text does not keep that of its whole
// file in memory.
func ownRecorded(c *warehouse.Conversation) load.RecordedConversation {
	r := load.RecordedOf(c)
	for _, text := range []*string{&r.ProjectID, &r.Environment, &r.ConversationID, &r.Lifecycle, &r.RunID} {
		*text = strings.Clone(*text)
	}
	for _, text := range []*warehouse.Text{&r.Channel, &r.Direction, &r.FromNumber, &r.ToNumber} {
		*text = warehouse.Text(strings.Clone(string(*text)))
	}
	return r
}

// ownReference is [ownRecorded] for a reference.
func ownReference(a *warehouse.AudioReference) warehouse.AudioReference {
	r := *a
	for _, text := range []*string{&r.ProjectID, &r.ConversationID, &r.Direction, &r.Availability} {
		*text = strings.Clone(*text)
	}
	for _, text := range []*warehouse.Text{&r.URL, &r.Codec, &r.SHA256, &r.StoredURI, &r.RedactionEvidence, &r.Reason} {
		*text = warehouse.Text(strings.Clone(string(*text)))
	}
	return r
}

// Recordings implements [load.RecordingReader]. Each partition is read as of one
// commit.
func (l *Lake) Recordings(ctx context.Context, feed load.Feed, from, until warehouse.Timestamp, yield func(*load.RecordedConversation) error) error {
	if from >= until {
		return nil
	}
	var refused error // the error of yield, which is not one of the lake
	err := l.eachRecording(ctx, feed, from, until, func(r *load.RecordedConversation) error {
		refused = yield(r)
		return refused
	})
	if refused != nil {
		return refused
	}
	return failed("cannot read the recordings in the lake "+l.root, err)
}

func (l *Lake) eachRecording(ctx context.Context, feed load.Feed, from, until warehouse.Timestamp, yield func(*load.RecordedConversation) error) error {
	p, err := l.pending(feed.ProjectID)
	if err != nil {
		return err
	}
	return l.eachPart(feed.ProjectID, daySpan{dayOf(from), dayOf(until - 1)}, func(part storedPart, days daySpan) error {
		if !slices.Contains(part.info.environments(), feed.Environment) {
			return nil
		}
		return l.eachRecorded(ctx, part.partition, p, recordedColumns, func(r *warehouse.Rows) error {
			c := &r.Conversation
			if c.Environment != feed.Environment || c.StartedAt < from || c.StartedAt >= until || c.ChannelFamily != warehouse.ChannelVoice || !days.has(part.dayOf(c.StartedAt)) {
				return nil
			}
			found := load.RecordedOf(c)
			found.Recordings = r.Audio
			return yield(&found)
		})
	})
}

// RecordingCounts implements [load.RecordingReader]. It reads only manifests, and
// partitions with pending results.
func (l *Lake) RecordingCounts(ctx context.Context, kinds map[string][]load.RecordingKind) (map[string]load.RecordingCounts, error) {
	counts := make(map[string]load.RecordingCounts, len(kinds))
	for project, worked := range kinds {
		counted, err := l.countRecordings(ctx, project, worked)
		if err != nil {
			return nil, failed("cannot count the recordings in the lake "+l.root, err)
		}
		counts[project] = counted
	}
	return counts, nil
}

func (l *Lake) countRecordings(ctx context.Context, project string, kinds []load.RecordingKind) (counts load.RecordingCounts, err error) {
	p, err := l.pending(project)
	if err != nil {
		return counts, err
	}
	err = l.eachPart(project, daySpan{firstDay, lastDay}, func(part storedPart, days daySpan) error {
		info := part.info
		if p.has(part.partition) {
			if info, err = l.tallyPart(ctx, part.partition, p); err != nil {
				return err
			}
		}
		for d, counted := range info.days {
			if days.has(d) {
				counted.Recordings.sum(kinds, &counts)
			}
		}
		return nil
	})
	return counts, err
}

// tallyPart counts the references of a partition, with pending results.
func (l *Lake) tallyPart(ctx context.Context, part partition, p *pendingResults) (*partInfo, error) {
	counted := newPartInfo()
	err := l.eachRecorded(ctx, part, p, []string{"conversation_id", "started_at", "missing_since"}, func(r *warehouse.Rows) error {
		counted.day(part.dayOf(r.Conversation.StartedAt)).countRecordings(&r.Conversation, r.Audio)
		return nil
	})
	return counted, err
}

// RecordingState implements [load.RecordingReader].
func (l *Lake) RecordingState(_ context.Context, project string) (state warehouse.RecordingState, err error) {
	state = warehouse.RecordingState{ProjectID: project}
	p, err := l.pending(project)
	if err != nil {
		return state, err
	}
	if p.state != nil {
		return *p.state, nil
	}
	v, err := l.view()
	if err != nil {
		return state, err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	stored, err := readLines(v, &warehouse.SyncRecordings)
	for i := range stored {
		if stored[i].ProjectID == project {
			state = stored[i]
		}
	}
	return state, err
}

// Removed implements [load.RecordingReader].
func (l *Lake) Removed(ctx context.Context, project string, after int64) (ids []string, last int64, err error) {
	for {
		ids, last, err = l.removed(ctx, project, after)
		if !errors.Is(err, fs.ErrNotExist) { // a run has just removed the file
			break
		}
	}
	return ids, last, failed("cannot read the changes of the lake "+l.root, err)
}

func (l *Lake) removed(ctx context.Context, project string, after int64) (ids []string, last int64, err error) {
	// The position that is in place, not that of a journal: a commit appends to the
	// feed before it moves the position.
	var at position
	if err := l.own().readJSON(positionFile, &at); err != nil {
		return nil, 0, err
	}
	last = at.Sequence
	files, err := l.changesFiles()
	if err != nil {
		return nil, 0, err
	}
	for len(files) > 1 { // those that end before
		if next, ok := firstChange(files[1]); !ok || next > after+1 {
			break
		}
		files = files[1:]
	}
	gone := map[string]bool{}
	err = l.eachChange(files, after, func(c *warehouse.Change) {
		last = max(last, c.Sequence)
		if c.ProjectID != project {
			return
		}
		if c.Operation == warehouse.OperationUpsert {
			delete(gone, c.ConversationID)
		} else {
			gone[c.ConversationID] = true
		}
	})
	return slices.Sorted(maps.Keys(gone)), last, cmp.Or(ctx.Err(), err)
}
