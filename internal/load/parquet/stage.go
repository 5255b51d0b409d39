package parquet

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"unique"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// stage holds the staged conversations of a window, encoded: in memory as long as
// the writers of the lake have not used up their share of it, and in a temporary
// file otherwise.
type stage struct {
	temporary temporary
	memory    *stageMemory

	mu      sync.Mutex
	held    int64  // bytes taken from memory
	name    string // of the temporary file
	file    file   // nil: everything is in memory
	size    int64  // of the file
	entries []entry
}

// entry is a staged conversation.
type entry struct {
	id      string
	project string
	start   warehouse.Timestamp
	text    string // the encoded rows; "": they are in the file
	offset  int64  // in the file
	length  int    // encoded, in bytes
	open    bool
	digest  warehouse.Digest
	batch   *load.Batch // its batch, without rows
	// reconciled entries are in the second stage, merged with the stored version;
	// the others are as received from the source.
	reconciled bool
	unchanged  bool // written again as stored, which is no change
}

func (e *entry) day() day { return dayOf(e.start) }

// compareEntries orders conversations as in the files.
func compareEntries(a, b *entry) int {
	return cmp.Or(cmp.Compare(a.start, b.start), strings.Compare(a.id, b.id))
}

func (t temporary) newStage() *stage { return &stage{temporary: t, memory: &t.lake.staged} }

// scratches holds buffers that batches are encoded in. Staging allocates only the
// final copy of a batch.
var scratches = sync.Pool{New: func() any { return new([]byte) }}

// largeScratch is the size of a buffer that is not used again: few batches need
// one.
const largeScratch = 4 << 20

// add appends conversations. It may be called concurrently.
func (s *stage) add(b *load.Batch) error {
	scratch := scratches.Get().(*[]byte)
	encoded, entries := encodeBatch((*scratch)[:0], b)
	err := s.append(encoded, entries)
	if cap(encoded) <= largeScratch {
		*scratch = encoded
		scratches.Put(scratch)
	}
	return err
}

// encodeBatch appends the encoded rows of a batch to dst, and returns their
// entries with offsets in it.
func encodeBatch(dst []byte, b *load.Batch) ([]byte, []entry) {
	entries, batch := make([]entry, 0, len(b.Rows)), *b
	batch.Rows, batch.Refuse = nil, nil // they would keep the responses in memory until the window is published
	for _, r := range b.Rows {
		from := len(dst)
		dst = r.Append(dst)
		c := &r.Conversation
		entries = append(entries, entry{
			// The text of the rows may reference the whole page that it was decoded
			// from.
			id:      strings.Clone(c.ConversationID),
			project: c.ProjectID,
			start:   c.StartedAt,
			offset:  int64(from),
			length:  len(dst) - from,
			open:    r.IsOpen(),
			digest:  r.Digest,
			batch:   &batch,
		})
	}
	return dst, entries
}

// append adds an encoded batch. It keeps no reference to encoded.
func (s *stage) append(encoded []byte, entries []entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := int64(len(encoded)); s.memory.take(n) {
		s.held += n
		s.hold(string(encoded), entries)
	} else if err := s.spill(encoded, entries); err != nil {
		return err
	}
	s.entries = append(s.entries, entries...)
	return nil
}

// hold makes entries reference the text of their batch. Text is a string and not
// a buffer of a pool, since decoded rows alias it: it is freed when nothing
// refers to it any longer.
func (s *stage) hold(text string, entries []entry) {
	for i := range entries {
		e := &entries[i]
		e.text = text[e.offset:][:e.length]
	}
}

// spill writes an encoded batch to the file, which the first one creates.
func (s *stage) spill(encoded []byte, entries []entry) error {
	if s.file == nil {
		s.name = s.temporary.file("stage")
		files := s.temporary.lake.files
		f, err := files.OpenFile(s.temporary.lake.path(s.name), os.O_RDWR|os.O_CREATE|os.O_EXCL)
		if err != nil {
			return err
		}
		s.file = f
	}
	if _, err := s.file.WriteAt(encoded, s.size); err != nil {
		return err
	}
	for i := range entries {
		entries[i].offset += s.size
	}
	s.size += int64(len(encoded))
	return nil
}

// version returns the fields that decide between versions that were staged for
// one window.
func (e *entry) version() load.Version {
	return load.Version{
		ID:        e.id,
		StartedAt: e.start,
		Open:      e.open,
		Batch:     e.batch,
		Digest:    &e.digest,
	}
}

// drop releases the memory of the stage, and closes and removes its file. Text
// that was read from the stage stays valid.
func (s *stage) drop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.memory.release(s.held)
	s.held, s.entries = 0, nil
	if s.file == nil {
		return nil
	}
	lake := s.temporary.lake
	err := s.file.Close()
	s.file = nil
	if gone := lake.files.Remove(lake.path(s.name)); !errors.Is(gone, fs.ErrNotExist) { // removed by a run that took over
		err = errors.Join(err, gone)
	}
	return err
}

// stageReader reads staged conversations one at a time.
type stageReader struct {
	stage *stage
	buf   []byte
}

const stageBuffer = 32 << 10

// text returns the encoded rows of a conversation: without a copy if they are in
// memory.
func (s *stageReader) text(e *entry) (string, error) {
	if e.text != "" {
		return e.text, nil
	}
	var text strings.Builder // builds a string without copying
	text.Grow(e.length)
	if s.buf == nil {
		s.buf = make([]byte, stageBuffer)
	}
	_, err := io.CopyBuffer(&text, io.NewSectionReader(s.stage.file, e.offset, int64(e.length)), s.buf)
	if err == nil && text.Len() < e.length {
		err = io.ErrUnexpectedEOF
	}
	return text.String(), err
}

// read decodes a conversation into r.
func (s *stageReader) read(e *entry, r *warehouse.Rows) error {
	text, err := s.text(e)
	if err != nil {
		return err
	}
	if err := r.Decode(text); err != nil {
		return err
	}
	// Manifests name environments. One that is cached must not keep the batch in
	// memory.
	r.Conversation.Environment = unique.Make(r.Conversation.Environment).Value()
	r.Digest = e.digest
	return nil
}

// head decodes only the conversation's own row.
func (s *stageReader) head(e *entry, c *warehouse.Conversation) error {
	text, err := s.text(e)
	if err != nil {
		return err
	}
	_, err = warehouse.Conversations.Decode(text, c)
	return err
}
