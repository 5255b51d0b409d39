package parquet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"convsync/internal/load/parquet/rowfile"
	"convsync/internal/warehouse"
)

// members are the tables of a conversation: its own row and its parts.
var (
	members       = warehouse.Members()
	formats       = newFormats()
	conversations = formats[0]
)

// turns are also read on their own, for the daily figures.
var turns = newFormat(&warehouse.Turns, batchRows)

// audio is the format of the references to recordings.
var audio = newFormat(&warehouse.AudioReferences, batchRows)

// newFormats returns the format of each member.
func newFormats() (formats []*rowfile.Format) {
	for i, m := range warehouse.Members() {
		batch := batchRows
		if i == 0 {
			batch = batchConversations
		}
		formats = append(formats, newFormat(m, batch))
	}
	return formats
}

// partReader reads the stored conversations of a partition in order.
type partReader struct {
	files []*fileReader // by member; nil: not opened
}

// selection names the columns to read of each table; nil: all of them. A table
// that is not in it reads as empty. Without a selection everything is read.
type selection map[string][]string

func (v *view) openPart(ctx context.Context, p partition, only selection) (d *partReader, err error) {
	d = &partReader{}
	for _, f := range formats {
		columns, selected := only[f.Name()]
		if only != nil && !selected {
			d.files = append(d.files, &fileReader{})
			continue
		}
		r, failed := openFile(ctx, v, f, p.file(f.Name()), p.project, columns...)
		d.files, err = append(d.files, r), errors.Join(err, failed)
	}
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// errRearranged means that a partition was divided or merged with others
// meanwhile, so that its rows are in others now.
var errRearranged = errors.New("the partition is no longer in the manifest")

// openSettled opens all files of a partition as of one commit, also while a run
// writes. It tries again for as long as commits begin or end meanwhile. It fails
// with errRearranged if the partition no longer exists.
//
// While a journal exists, only its operations run, and the view treats all of
// them as done. If there is none before and after, the files are of one commit
// if each is still in its place: a replaced file never returns.
func (l *Lake) openSettled(ctx context.Context, p partition, only selection) (*partReader, error) {
	for {
		d, settled, err := l.tryPart(ctx, p, only)
		if err != nil || settled {
			return d, err
		}
		if err := errors.Join(d.close(), ctx.Err()); err != nil {
			return nil, err
		}
	}
}

func (l *Lake) tryPart(ctx context.Context, p partition, only selection) (d *partReader, settled bool, err error) {
	v, err := l.view()
	if err != nil {
		return nil, false, err
	}
	if d, err = v.openPart(ctx, p, only); err == nil {
		settled = v.unchanged() && (v.journal != nil || d.current())
	}
	if settled && !d.exists() { // it is empty, unless it was rearranged
		var m manifest
		err = v.readJSON(p.manifest(), &m)
		if err == nil && m.Partitions[p.name()] == nil {
			err = errRearranged
		}
	}
	if err != nil && d != nil {
		err = errors.Join(err, d.close())
		d = nil
	}
	return d, settled, errors.Join(err, v.close())
}

// exists reports whether the partition has any of the files.
func (d *partReader) exists() bool {
	return slices.ContainsFunc(d.files, func(r *fileReader) bool { return r.info != nil })
}

// eachPart calls do with the partitions that the manifests list for some days, in
// order, and with the days that are to be read of it. If do fails with
// errRearranged, which it must do before it uses any row, the rest of the days is
// listed again.
func (l *Lake) eachPart(project string, span daySpan, do func(storedPart, daySpan) error) error {
	for {
		parts, err := l.storedParts(project, span)
		if err != nil {
			return err
		}
		for _, p := range parts {
			err = do(p, daySpan{max(p.first, span.first), min(p.last, span.last)})
			if err != nil {
				break
			}
			span.first = p.last + 1
		}
		if !errors.Is(err, errRearranged) {
			return err
		}
	}
}

// storedParts lists the partitions of the manifests that have days of a span, in
// order.
func (l *Lake) storedParts(project string, span daySpan) (parts []storedPart, err error) {
	v, err := l.view()
	if err != nil {
		return nil, err
	}
	parts, err = v.storedParts(project, span)
	return parts, errors.Join(err, v.close())
}

// current reports whether the files are still the current ones of the
// partition.
func (d *partReader) current() bool {
	return !slices.ContainsFunc(d.files, func(r *fileReader) bool { return !r.current() })
}

// next reads the next conversation with its parts into r; false at the end.
// Slices of r are reused; text stays valid.
func (d *partReader) next(r *warehouse.Rows) (bool, error) {
	row, err := d.files[0].next()
	if err != nil {
		return false, err
	}
	if row == nil {
		return false, d.complete()
	}
	r.Conversation = *row.(*warehouse.Conversation)
	for i, p := range warehouse.Parts {
		if err := take(d.files[i+1], p, r); err != nil {
			return true, err
		}
	}
	return true, nil
}

// take moves the next rows that belong to the conversation of r into r.
func take(from *fileReader, p warehouse.Part, r *warehouse.Rows) error {
	p.Clear(r)
	for {
		row, err := from.peek()
		if err != nil || row == nil {
			return err
		}
		if id, _ := p.Owner(row); id != r.Conversation.ConversationID {
			return nil
		}
		p.Add(r, row)
		from.rows.Skip()
	}
}

// complete checks that every part had its conversation: a merge of files that
// do not belong together would lose rows.
func (d *partReader) complete() (err error) {
	for _, r := range d.files[1:] {
		row, failed := r.peek()
		if row != nil {
			failed = damaged(r.path, fmt.Errorf("it has rows of conversations that are not in %s", conversations.Name()))
		}
		err = errors.Join(err, failed)
	}
	return err
}

func (d *partReader) close() (err error) {
	for _, r := range d.files {
		if r != nil {
			err = errors.Join(err, r.close())
		}
	}
	return err
}

// partWriter writes the new files of a partition. A table without rows gets none.
type partWriter struct {
	temporary temporary
	partition partition
	info      *partInfo
	added     int       // conversations
	last      day       // of the last conversation
	files     []newFile // by member
	placed    []placedFile
	keys      keyList
}

func (t temporary) newPart(p partition) *partWriter {
	d := &partWriter{temporary: t, partition: p, info: newPartInfo()}
	for _, f := range formats {
		d.files = append(d.files, newFile{format: f})
	}
	return d
}

// newFile is the new file of one table. It is created with its first row.
type newFile struct {
	format *rowfile.Format
	name   string // under _sync/tmp
	file   *rowfile.Writer
}

func (f *newFile) add(t temporary, row any) (err error) {
	if f.file == nil {
		f.name = t.file(f.format.Name() + ".parquet")
		if f.file, err = t.lake.createFile(f.format, t.lake.path(f.name)); err != nil {
			return err
		}
	}
	f.file.Add(row)
	return nil
}

// add adds the next conversation in order.
func (d *partWriter) add(r *warehouse.Rows) error {
	if d.added == 0 {
		d.temporary.lake.step("merge")
	}
	at := d.partition.dayOf(r.Conversation.StartedAt)
	d.begin(at)
	counts := d.info.day(at)
	counts.count(&r.Conversation)
	counts.countRecordings(&r.Conversation, r.Audio)
	d.added++
	d.keys.add(&r.Conversation, r.Digest)
	for i, m := range members {
		for j := range m.Len(r) {
			if err := d.files[i].add(d.temporary, m.Row(r, j)); err != nil {
				return err
			}
		}
	}
	return nil
}

// dayGroupRows is the number of rows from which a row group ends with its day: a
// quarter of the largest one, so that dictionaries are worthwhile.
const dayGroupRows = 32768

// begin ends large row groups before the first conversation of a day, so that a
// reader of that day skips them.
func (d *partWriter) begin(at day) {
	if at == d.last {
		return
	}
	d.last = at
	for i := range d.files {
		if f := d.files[i].file; f != nil {
			f.Divide(dayGroupRows)
		}
	}
}

// placedFile is a finished file of a partition.
type placedFile struct {
	table, name string
	info        fileInfo
}

// close finishes the files, concurrently: their last row groups are encoded then.
func (d *partWriter) close() (err error) {
	infos, failures := make([]fileInfo, len(d.files)), make([]error, len(d.files))
	var closing sync.WaitGroup
	for i := range d.files {
		if f := d.files[i].file; f != nil {
			closing.Go(func() { infos[i], failures[i] = f.Close() })
		}
	}
	closing.Wait()
	for i := range d.files {
		f, info := &d.files[i], infos[i]
		if f.file == nil {
			continue
		}
		f.file, err = nil, errors.Join(err, failures[i])
		d.info.files[f.format.Name()] = info
		d.placed = append(d.placed, placedFile{f.format.Name(), f.name, info})
	}
	return err
}

// abandon closes and removes the unfinished files.
func (d *partWriter) abandon() {
	for i := range d.files {
		if f := &d.files[i]; f.file != nil {
			f.file.Abandon()
			f.file = nil
			_ = d.temporary.lake.files.Remove(d.temporary.lake.path(f.name)) // the next writer removes it otherwise
		}
	}
}

// of returns the reader of one table.
func (d *partReader) of(f *rowfile.Format) *fileReader {
	return d.files[slices.IndexFunc(formats, func(other *rowfile.Format) bool { return other.Name() == f.Name() })]
}
