package parquet

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/load/parquet/rowfile"
	"convsync/internal/warehouse"
)

// spoolBatch is the number of pieces that are added to the spool at once.
const spoolBatch = 256

// spooler adds pieces of conversations to a stage: a row, or consecutive parts
// of one table and conversation.
type spooler struct {
	stage   *stage
	project string
	ids     map[string]bool // only these ids; nil: all
	pending []*warehouse.Rows
}

// piece returns the piece for rows of an id and a start; nil if the id is not
// wanted.
func (s *spooler) piece(id string, start warehouse.Timestamp) *warehouse.Rows {
	if s.ids != nil && !s.ids[id] {
		return nil
	}
	if last := len(s.pending) - 1; last >= 0 {
		if c := &s.pending[last].Conversation; c.ConversationID == id && c.StartedAt == start && !load.HasRow(s.pending[last]) {
			return s.pending[last]
		}
	}
	r := &warehouse.Rows{Conversation: warehouse.Conversation{ProjectID: s.project, ConversationID: id, StartedAt: start}}
	s.pending = append(s.pending, r)
	return r
}

// flush writes the pieces if there are enough, or unconditionally.
func (s *spooler) flush(all bool) error {
	if len(s.pending) == 0 || !all && len(s.pending) < spoolBatch {
		return nil
	}
	err := s.stage.add(&load.Batch{Rows: s.pending})
	s.pending = s.pending[:0]
	return err
}

// spoolPart adds the rows of the readable files of a day to the spool, in any
// order. If readable is nil, all files are read.
func (p *mending) spoolPart(ctx context.Context, part partition, readable, ids map[string]bool) error {
	s := &spooler{stage: p.spool, project: part.project, ids: ids}
	has := func(table string) bool { return readable == nil || readable[table] }
	err := spoolRows(ctx, p, s, part, has, conversations, func(row any) {
		c := row.(*warehouse.Conversation)
		if r := s.piece(c.ConversationID, c.StartedAt); r != nil {
			r.Conversation = *c
		}
	})
	for i, of := range warehouse.Parts {
		err = cmp.Or(err, spoolRows(ctx, p, s, part, has, formats[i+1], func(row any) {
			if r := s.piece(of.Owner(row)); r != nil {
				of.Add(r, row)
			}
		}))
	}
	return cmp.Or(err, s.flush(true))
}

func spoolRows(ctx context.Context, p *mending, s *spooler, part partition, has func(string) bool, f *rowfile.Format, put func(row any)) (err error) {
	if !has(f.Name()) {
		return nil
	}
	scanned := scanRows(ctx, p.lake.own(), f, part, func(row any) {
		if err = cmp.Or(err, s.flush(false)); err == nil {
			put(row)
		}
	})
	return cmp.Or(err, scanned)
}

// eachSpooled yields the spooled copies of each id: one for each row of a
// conversation, with the parts of its start, and one for parts without a row.
func (p *mending) eachSpooled(yield func(id string, copies []*warehouse.Rows) error) error {
	entries := p.spool.entries
	slices.SortStableFunc(entries, func(a, b entry) int { // pieces stay in the order in which they were added
		return cmp.Or(strings.Compare(a.id, b.id), cmp.Compare(a.start, b.start))
	})
	reader := stageReader{stage: p.spool}
	for len(entries) > 0 {
		id := entries[0].id
		var copies []*warehouse.Rows
		for len(entries) > 0 && entries[0].id == id {
			r := &warehouse.Rows{}
			if err := reader.read(&entries[0], r); err != nil {
				return err
			}
			copies = gatherPiece(copies, r)
			entries = entries[1:]
		}
		slices.SortStableFunc(copies, func(a, b *warehouse.Rows) int { // newest first
			return cmp.Compare(b.Conversation.UpdatedAt, a.Conversation.UpdatedAt)
		})
		if err := yield(id, copies); err != nil {
			return err
		}
	}
	return nil
}

// gatherPiece adds a piece to the copy of its start.
func gatherPiece(copies []*warehouse.Rows, piece *warehouse.Rows) []*warehouse.Rows {
	i := slices.IndexFunc(copies, func(r *warehouse.Rows) bool { return r.Conversation.StartedAt == piece.Conversation.StartedAt })
	if i < 0 || load.HasRow(piece) {
		return append(copies, piece)
	}
	for _, p := range warehouse.Parts {
		p.AddAll(copies[i], piece)
	}
	return copies
}
