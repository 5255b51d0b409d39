package parquet

import (
	"context"
	"errors"
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// dayChange describes what changes in a partition.
type dayChange struct {
	partition partition
	put       []entry         // conversations to write
	gone      map[string]bool // stored ones that are replaced or moved to another day
	missing   map[string]bool // stored ones that the source no longer lists
	// For a day that is repaired:
	afresh   bool              // stored rows are not read: put has all of them
	dropped  []string          // ids without any remaining row
	unqueued []conversationKey // entries of the queue to remove
}

// dayResult is the result of merging a partition.
type dayResult struct {
	counts  load.Counts
	changed []warehouse.Change // what changed, and how
	open    []warehouse.OpenConversation
	closed  []conversationKey
	files   []placedFile
	info    *dayInfo
	came    []uint64 // hashes of the ids that are new to the day
	stored  int      // conversations
}

// merger writes the new files of a partition: the stored conversations that
// stay and those in put, in order.
type merger struct {
	lake       *Lake
	temporary  temporary
	change     *dayChange
	window     *load.Window
	staged     stageReader
	reconciled stageReader
	out        *dayWriter
	result     *dayResult
}

func (r *dayResult) change(key conversationKey, operation string) {
	r.changed = append(r.changed, warehouse.Change{ProjectID: key.project, ConversationID: key.id, Operation: operation})
}

func (m *merger) merge(ctx context.Context) (*dayResult, error) {
	m.out, m.result = m.temporary.newDay(), &dayResult{counts: load.Counts{Rows: map[string]int64{}}}
	defer m.out.abandon()
	slices.SortFunc(m.change.put, compareEntries)
	for _, id := range m.change.dropped {
		m.result.change(conversationKey{m.change.partition.project, id}, warehouse.OperationDelete)
	}
	m.result.closed = append(m.result.closed, m.change.unqueued...)
	stored, err := m.open(ctx)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(m.interleave(ctx, stored), stored.close()); err != nil {
		return nil, err
	}
	if m.result.files, err = m.out.close(); err != nil {
		return nil, err
	}
	m.result.info, m.result.stored = &m.out.info, m.out.added
	return m.result, nil
}

// open opens the stored conversations that stay.
func (m *merger) open(ctx context.Context) (*dayReader, error) {
	if m.change.afresh {
		return emptyDay(), nil
	}
	return m.lake.own().openDay(ctx, m.change.partition, nil)
}

func (m *merger) interleave(ctx context.Context, stored *dayReader) error {
	put := m.change.put
	var old, in warehouse.Rows
	for {
		more, err := stored.next(&old)
		if err != nil {
			return err
		}
		at := entry{start: old.Conversation.StartedAt, id: old.Conversation.ConversationID}
		for len(put) > 0 && (!more || compareEntries(put[0], at) <= 0) {
			if err := m.put(&put[0], &in); err != nil {
				return err
			}
			put = put[1:]
		}
		if !more {
			return nil
		}
		id := old.Conversation.ConversationID
		if !m.change.gone[id] && (!m.change.missing[id] || m.markMissing(&old.Conversation)) {
			err = m.out.add(&old)
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
	}
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
	m.account(e, r)
	if !m.change.gone[e.id] {
		m.result.came = append(m.result.came, warehouse.HashID(e.id))
	}
	for _, p := range warehouse.Parts {
		p.Sort(r)
	}
	err := m.out.add(r)
	if e.length > largeEntry {
		*r = warehouse.Rows{} // not in memory together with the next one
	}
	return err
}

func (m *merger) account(e *entry, r *warehouse.Rows) {
	key := conversationKey{m.change.partition.project, e.id}
	if !e.unchanged {
		m.countRows(r)
		m.result.change(key, warehouse.OperationUpsert)
	}
	if !r.IsOpen() || r.Conversation.MissingSince.Valid {
		m.result.closed = append(m.result.closed, key)
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

func (m *merger) countRows(r *warehouse.Rows) {
	for i, member := range members {
		m.result.counts.Rows[formats[i].Name()] += int64(member.Len(r))
	}
}
