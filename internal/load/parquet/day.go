package parquet

import (
	"context"
	"errors"
	"fmt"
	"os"

	"convsync/internal/warehouse"
)

// dayReader reads the stored conversations of a partition in order.
type dayReader struct {
	conversations *fileReader[warehouse.Conversation]
	turns         *fileReader[warehouse.Turn]
	entities      *fileReader[warehouse.Entity]
	metrics       *fileReader[warehouse.Metric]
	audio         *fileReader[warehouse.AudioReference]
}

func (v *view) openDay(ctx context.Context, p partition) (*dayReader, error) {
	d := &dayReader{}
	err := errors.Join(
		openPart(ctx, v, p, conversations, &d.conversations), openPart(ctx, v, p, turns, &d.turns),
		openPart(ctx, v, p, entities, &d.entities), openPart(ctx, v, p, metrics, &d.metrics),
		openPart(ctx, v, p, audioReferences, &d.audio),
	)
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

func openPart[R any](ctx context.Context, v *view, p partition, f *format[R], into **fileReader[R]) (err error) {
	*into, err = openFile(ctx, v, f, p.file(f.table.Name), p.project)
	return err
}

// emptyDay is a partition without files.
func emptyDay() *dayReader {
	return &dayReader{
		conversations: &fileReader[warehouse.Conversation]{}, turns: &fileReader[warehouse.Turn]{},
		entities: &fileReader[warehouse.Entity]{}, metrics: &fileReader[warehouse.Metric]{}, audio: &fileReader[warehouse.AudioReference]{},
	}
}

// openSettled opens all files of a partition as of one commit, also while a run
// writes. It tries again for as long as commits begin or end meanwhile.
//
// While a journal exists, only its operations run, and the view treats all of
// them as done. If there is none before and after, the files are of one commit
// if each is still in its place: a replaced file never returns.
func (l *Lake) openSettled(ctx context.Context, p partition) (*dayReader, error) {
	for {
		d, settled, err := l.tryDay(ctx, p)
		if err != nil || settled {
			return d, err
		}
		if err := errors.Join(d.close(), ctx.Err()); err != nil {
			return nil, err
		}
	}
}

func (l *Lake) tryDay(ctx context.Context, p partition) (d *dayReader, settled bool, err error) {
	v, err := l.view()
	if err != nil {
		return nil, false, err
	}
	d, err = v.openDay(ctx, p)
	settled = err == nil && v.unchanged() && (v.journal != nil || d.current())
	return d, settled, errors.Join(err, v.close())
}

// current reports whether the files are still the current ones of the
// partition.
func (d *dayReader) current() bool {
	return d.conversations.current() && d.turns.current() && d.entities.current() && d.metrics.current() && d.audio.current()
}

// next reads the next conversation with its parts into r; false at the end.
// Slices of r are reused; text stays valid.
func (d *dayReader) next(r *warehouse.Rows) (bool, error) {
	c, err := d.conversations.next()
	if err != nil {
		return false, err
	}
	if c == nil {
		return false, d.complete()
	}
	r.Conversation = *c
	return true, d.parts(r)
}

// parts reads the parts of a conversation.
func (d *dayReader) parts(r *warehouse.Rows) error {
	id := r.Conversation.ConversationID
	return errors.Join(
		take(d.turns, &r.Turns, func(t *warehouse.Turn) bool { return t.ConversationID == id }),
		take(d.entities, &r.Entities, func(e *warehouse.Entity) bool { return e.ConversationID == id }),
		take(d.metrics, &r.Metrics, func(m *warehouse.Metric) bool { return m.ConversationID == id }),
		take(d.audio, &r.Audio, func(a *warehouse.AudioReference) bool { return a.ConversationID == id }),
	)
}

// take moves the next rows that belong to the conversation into rows.
func take[R any](from *fileReader[R], rows *[]R, of func(*R) bool) error {
	*rows = (*rows)[:0]
	for {
		row, err := from.peek()
		if err != nil || row == nil || !of(row) {
			return err
		}
		*rows = append(*rows, *row)
		from.at++
	}
}

// complete checks that every part had its conversation: a merge of files that
// do not belong together would lose rows.
func (d *dayReader) complete() error {
	return errors.Join(exhausted(d.turns), exhausted(d.entities), exhausted(d.metrics), exhausted(d.audio))
}

func exhausted[R any](r *fileReader[R]) error {
	row, err := r.peek()
	if row != nil {
		return damaged(r.path, fmt.Errorf("it has rows of conversations that are not in %s", conversations.table.Name))
	}
	return err
}

func (d *dayReader) close() error {
	return errors.Join(closePart(d.conversations), closePart(d.turns), closePart(d.entities),
		closePart(d.metrics), closePart(d.audio))
}

func closePart[R any](r *fileReader[R]) error {
	if r == nil {
		return nil
	}
	return r.close()
}

// dayWriter writes the new files of a partition. A table without rows gets none.
type dayWriter struct {
	lake          *Lake
	info          dayInfo
	added         int // conversations
	conversations part[warehouse.Conversation]
	turns         part[warehouse.Turn]
	entities      part[warehouse.Entity]
	metrics       part[warehouse.Metric]
	audio         part[warehouse.AudioReference]
}

func (l *Lake) newDay() *dayWriter {
	return &dayWriter{
		lake:          l,
		info:          dayInfo{Files: map[string]fileInfo{}, Environments: map[string]*tally{}},
		conversations: part[warehouse.Conversation]{format: conversations},
		turns:         part[warehouse.Turn]{format: turns},
		entities:      part[warehouse.Entity]{format: entities},
		metrics:       part[warehouse.Metric]{format: metrics},
		audio:         part[warehouse.AudioReference]{format: audioReferences},
	}
}

// part is the new file of one table. It is created with its first row.
type part[R any] struct {
	format *format[R]
	name   string // under _sync/tmp
	file   *fileWriter[R]
}

func (p *part[R]) add(l *Lake, rows ...R) (err error) {
	if p.file == nil && len(rows) > 0 {
		p.name = l.temporary(p.format.table.Name + ".parquet")
		if p.file, err = createFile(p.format, l.access, l.path(p.name)); err != nil {
			return err
		}
	}
	for i := range rows {
		p.file.add(&rows[i])
	}
	return nil
}

// add adds the next conversation in order.
func (d *dayWriter) add(r *warehouse.Rows) error {
	if d.added == 0 {
		d.lake.step("merge")
	}
	d.info.count(&r.Conversation)
	d.added++
	return errors.Join(
		d.conversations.add(d.lake, r.Conversation), d.turns.add(d.lake, r.Turns...), d.entities.add(d.lake, r.Entities...),
		d.metrics.add(d.lake, r.Metrics...), d.audio.add(d.lake, r.Audio...),
	)
}

// placedFile is a finished file of a partition.
type placedFile struct {
	table, name string
	info        fileInfo
}

// close finishes the files.
func (d *dayWriter) close() (files []placedFile, err error) {
	return files, errors.Join(
		finish(d, &d.conversations, &files), finish(d, &d.turns, &files), finish(d, &d.entities, &files),
		finish(d, &d.metrics, &files), finish(d, &d.audio, &files),
	)
}

func finish[R any](d *dayWriter, p *part[R], files *[]placedFile) error {
	if p.file == nil {
		return nil
	}
	info, err := p.file.close()
	p.file = nil
	d.info.Files[p.format.table.Name] = info
	*files = append(*files, placedFile{p.format.table.Name, p.name, info})
	return err
}

// abandon closes and removes the unfinished files.
func (d *dayWriter) abandon() {
	giveUp(d.lake, &d.conversations)
	giveUp(d.lake, &d.turns)
	giveUp(d.lake, &d.entities)
	giveUp(d.lake, &d.metrics)
	giveUp(d.lake, &d.audio)
}

func giveUp[R any](l *Lake, p *part[R]) {
	if p.file != nil {
		p.file.abandon()
		p.file = nil
		_ = os.Remove(l.path(p.name)) // the next writer removes it otherwise
	}
}
