package parquet

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// stage holds the staged conversations of a window: encoded one after another
// in a file, with a small entry each in memory.
type stage struct {
	name string // of the temporary file

	mu      sync.Mutex
	file    file
	size    int64
	entries []entry
}

// entry locates a conversation in the file.
type entry struct {
	id      string
	project string
	start   warehouse.Timestamp
	offset  int64
	length  int
	open    bool
	batch   *load.Batch // its batch, without rows
	// reconciled entries are in the second stage file, merged with the stored
	// version; the others are as received from the source.
	reconciled bool
	unchanged  bool // written again as stored, which is no change
}

func (e *entry) partition() partition { return partition{e.project, dayOf(e.start)} }

// compareEntries orders conversations as in the files.
func compareEntries(a, b entry) int {
	return cmp.Or(cmp.Compare(a.start, b.start), strings.Compare(a.id, b.id))
}

func (t temporary) newStage() (*stage, error) {
	name := t.file("stage")
	f, err := t.lake.files.OpenFile(t.lake.path(name), os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	return &stage{name: name, file: f}, nil
}

// add appends conversations. It may be called concurrently.
func (s *stage) add(b *load.Batch) error {
	var encoded []byte
	entries, batch := make([]entry, 0, len(b.Rows)), *b
	batch.Rows, batch.Refuse = nil, nil // they would keep the responses in memory until the window is published
	for _, r := range b.Rows {
		from := len(encoded)
		encoded = r.Append(encoded)
		c := &r.Conversation
		entries = append(entries, entry{
			// The text of the rows may reference the whole page that it was decoded
			// from.
			id:      strings.Clone(c.ConversationID),
			project: c.ProjectID,
			start:   c.StartedAt,
			offset:  int64(from),
			length:  len(encoded) - from,
			open:    r.IsOpen(),
			batch:   &batch,
		})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.file.WriteAt(encoded, s.size); err != nil {
		return err
	}
	for i := range entries {
		entries[i].offset += s.size
	}
	s.size += int64(len(encoded))
	s.entries = append(s.entries, entries...)
	return nil
}

// version returns the fields that decide between versions that were staged for
// one window.
func (e *entry) version() load.Version {
	return load.Version{ID: e.id, StartedAt: e.start, Open: e.open, Batch: e.batch}
}

func (s *stage) close() error { return s.file.Close() }

// drop closes and removes the file.
func (t temporary) drop(s *stage) error {
	err := s.close()
	if gone := t.lake.files.Remove(t.lake.path(s.name)); !errors.Is(gone, fs.ErrNotExist) { // removed by a run that took over
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

func (s *stageReader) text(e *entry) (string, error) {
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
	return r.Decode(text)
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
