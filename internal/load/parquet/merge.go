package parquet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// partChange describes what changes in partitions: what is stored in old is
// written to new. In most cases both are the same partition.
type partChange struct {
	project string
	old     []partition // in order
	new     []partition // in order; they have all days of the rows

	put     []*entry                       // conversations to write
	updates map[string]*entry              // versions of stored ones that keep their place, to be merged with them
	gone    map[string]*departure          // stored ones that are replaced or moved to another partition
	missing map[string]warehouse.Timestamp // stored ones that the source no longer lists, and their start
	// For partitions that are repaired:
	afresh   bool              // stored rows are not read: put has all of them
	dropped  []string          // ids without any remaining row
	unqueued []conversationKey // entries of the queue to remove
}

func newPartChange(project string) *partChange {
	return &partChange{project: project, gone: map[string]*departure{}, missing: map[string]warehouse.Timestamp{}}
}

// departure lists the copies of a conversation that leave a partition.
type departure struct {
	all    bool
	starts []warehouse.Timestamp
}

// leave makes a stored copy of a conversation leave.
func (c *partChange) leave(id string, start warehouse.Timestamp) {
	d := c.gone[id]
	if d == nil {
		d = &departure{}
		c.gone[id] = d
	}
	d.starts = append(d.starts, start)
}

// leaveAll makes all stored copies of a conversation leave.
func (c *partChange) leaveAll(id string) { c.gone[id] = &departure{all: true} }

func (d *departure) has(start warehouse.Timestamp) bool {
	return d != nil && (d.all || slices.Contains(d.starts, start))
}

// replaces reports whether a copy that starts on the same day is known to leave.
func (d *departure) replaces(start warehouse.Timestamp) bool {
	return d != nil && slices.ContainsFunc(d.starts, func(t warehouse.Timestamp) bool { return dayOf(t) == dayOf(start) })
}

// partResult is the result of a merge.
type partResult struct {
	project string
	old     []partition
	counts  load.Counts
	changed []changedID
	open    []warehouse.OpenConversation
	closed  []conversationKey
	parts   []newPart
	came    map[day][]uint64 // hashes of the ids that are new to a day
}

// changedID is the id of a conversation that changed, and the operation.
type changedID struct{ id, operation string }

// newPart is a partition with new files. Without any it is removed.
type newPart struct {
	partition
	files []placedFile
	info  *partInfo
	keys  keyList
}

// merger writes the new files of a change: the stored conversations that stay
// and those in put, in order.
type merger struct {
	lake       *Lake
	temporary  temporary
	change     *partChange
	window     *load.Window
	staged     stageReader
	reconciled stageReader
	digests    *knownDigests
	reveals    *load.VisibilityChanges
	queue      map[conversationKey]warehouse.OpenConversation
	out        *partWriter // of the first of left; nil: none
	left       []partition // those of new that are not finished
	in         warehouse.Rows
	result     *partResult
}

func (r *partResult) change(key conversationKey, operation string) {
	r.changed = append(r.changed, changedID{key.id, operation})
}

func (m *merger) merge(ctx context.Context) (*partResult, error) {
	m.result = &partResult{project: m.change.project, old: m.change.old, counts: load.Counts{Rows: map[string]int64{}}, came: map[day][]uint64{}}
	m.left = m.change.new
	defer func() {
		if m.out != nil {
			m.out.abandon()
		}
	}()
	slices.SortFunc(m.change.put, compareEntries)
	for _, id := range m.change.dropped {
		m.result.change(conversationKey{m.change.project, id}, warehouse.OperationDelete)
	}
	m.result.closed = append(m.result.closed, m.change.unqueued...)
	if !m.change.afresh {
		for _, p := range m.change.old {
			if err := m.interleave(ctx, p); err != nil {
				return m.result, err
			}
		}
	}
	if err := m.putBefore(nil); err != nil {
		return m.result, err
	}
	for len(m.left) > 0 {
		if err := m.finish(); err != nil {
			return m.result, err
		}
	}
	return m.result, nil
}

// finish finishes the files of the current new partition.
func (m *merger) finish() (err error) {
	part := newPart{partition: m.left[0], info: newPartInfo()}
	if m.out != nil {
		err = m.out.close()
		part.files, part.info, part.keys, m.out = m.out.placed, m.out.info, m.out.keys, nil
	}
	m.result.parts, m.left = append(m.result.parts, part), m.left[1:]
	return err
}

// write writes a conversation to the new partition that has its day.
func (m *merger) write(r *warehouse.Rows) error {
	d := dayOf(r.Conversation.StartedAt)
	for len(m.left) > 1 && d > m.left[0].last {
		if err := m.finish(); err != nil {
			return err
		}
	}
	if len(m.left) == 0 {
		return fmt.Errorf("no partition for the conversations of %s", d)
	}
	if m.out == nil {
		m.out = m.temporary.newPart(m.left[0])
	}
	return m.out.add(r)
}

// interleave writes the conversations of a stored partition that stay, and before
// each of them those to put that come first.
func (m *merger) interleave(ctx context.Context, p partition) (err error) {
	stored, err := m.lake.own().openPart(ctx, p, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stored.close()) }()
	keys, err := m.digests.of(p)
	if err != nil {
		return err
	}
	digests := keys.finder()
	var old warehouse.Rows
	for {
		more, err := stored.next(&old)
		if err != nil || !more {
			return err
		}
		c := &old.Conversation
		if err := m.putBefore(&entry{start: c.StartedAt, id: c.ConversationID}); err != nil {
			return err
		}
		old.Digest = digests.of(c)
		if m.stays(&old) {
			err = m.keep(&old)
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
	}
}

// stays reports whether a stored conversation is written again. It marks those
// that are missing, and drops their digests.
func (m *merger) stays(r *warehouse.Rows) bool {
	c := &r.Conversation
	if m.change.gone[c.ConversationID].has(c.StartedAt) {
		return false
	}
	start, missing := m.change.missing[c.ConversationID]
	if !missing || start != c.StartedAt {
		return true
	}
	r.Digest = warehouse.Digest{}
	return m.markMissing(c)
}

// keep writes a stored conversation that stays, or its new version.
func (m *merger) keep(old *warehouse.Rows) error {
	e, ok := m.change.updates[old.Conversation.ConversationID]
	if ok && e.start == old.Conversation.StartedAt {
		if written, err := m.update(e, old); err != nil || written {
			return err
		}
	}
	return m.write(old)
}

// update merges a version with the stored one, and writes the result unless that is
// what is stored.
func (m *merger) update(e *entry, old *warehouse.Rows) (written bool, err error) {
	if err := m.staged.read(e, &m.in); err != nil {
		return false, err
	}
	decision := e.batch.Merge(&m.in, old, m.window.At, m.window.RunID)
	decision.Count(&m.result.counts)
	m.reveals.Add(&decision)
	if !decision.Writes() {
		if !decision.KeepsDigest() {
			old.Digest = e.digest
		}
		return false, nil
	}
	m.change.leave(e.id, e.start) // another copy of the row, in a damaged lake
	return true, m.replace(e, &m.in)
}

// putBefore writes the conversations to put that are not behind an entry; nil:
// all of them.
func (m *merger) putBefore(e *entry) error {
	for put := m.change.put; len(put) > 0 && (e == nil || compareEntries(put[0], e) <= 0); put = m.change.put {
		if err := m.put(put[0], &m.in); err != nil {
			return err
		}
		m.change.put = put[1:]
	}
	return nil
}

// largeEntry is the encoded length, in bytes, from which a conversation is
// released before the next one is read.
const largeEntry = 1 << 20

// put writes a conversation that is new or changed.
func (m *merger) put(e *entry, r *warehouse.Rows) error {
	if e.reconciled {
		if err := m.reconciled.read(e, r); err != nil {
			return err
		}
	} else {
		if err := m.staged.read(e, r); err != nil {
			return err
		}
		decision := e.batch.Merge(r, nil, m.window.At, m.window.RunID)
		decision.Count(&m.result.counts)
	}
	if !m.change.gone[e.id].replaces(e.start) {
		d := dayOf(e.start)
		m.result.came[d] = append(m.result.came[d], warehouse.HashID(e.id))
	}
	return m.replace(e, r)
}

// replace writes a conversation of an entry.
func (m *merger) replace(e *entry, r *warehouse.Rows) error {
	m.account(e, r)
	for _, p := range warehouse.Parts {
		p.Sort(r)
	}
	err := m.write(r)
	if e.length > largeEntry {
		*r = warehouse.Rows{} // not in memory together with the next one
	}
	return err
}

func (m *merger) account(e *entry, r *warehouse.Rows) {
	key := conversationKey{m.change.project, e.id}
	if !e.unchanged {
		m.countRows(r)
		m.result.change(key, warehouse.OperationUpsert)
	}
	if !r.IsOpen() || r.Conversation.MissingSince.Valid {
		m.close(key)
		return
	}
	m.result.open = append(m.result.open, warehouse.OpenConversation{
		ProjectID:      key.project,
		ConversationID: key.id,
		Environment:    strings.Clone(r.Conversation.Environment),
		StartedAt:      r.Conversation.StartedAt,
		FirstSeenAt:    r.Conversation.FirstSeenAt,
	})
}

// close removes a conversation from the open-conversation queue, if it is there.
func (m *merger) close(key conversationKey) {
	if _, queued := m.queue[key]; queued {
		m.result.closed = append(m.result.closed, key)
	}
}

func (m *merger) countRows(r *warehouse.Rows) {
	for i, member := range members {
		m.result.counts.Rows[formats[i].Name()] += int64(member.Len(r))
	}
}
