package extract

import (
	"errors"
	"hash/maphash"
	"slices"
	"sync"

	"convsync/internal/polyai"
)

const (
	// maxIdlePages is how many consecutive pages of a slice may contain no new
	// conversation. After maxEndless slices with more, one such page is the limit.
	maxIdlePages = 5
	maxEndless   = 3
	// overlapShare is the divisor for the overlap of pages that are read by
	// offset: 1/50 of a page's rows, at least one, are requested again with the
	// next page. With more than one, the slice is not restarted when a few rows
	// disappear.
	overlapShare = 50
	maxTail      = 2000 // rows whose order is stored
)

var (
	errCursorRepeated = errors.New("the source repeated a cursor: it would return the same pages forever")
	errListChanged    = errors.New("the list changed while it was read by offset, and conversations may have been skipped")
	errTooManyPages   = errors.New("the slice took far more pages than its conversations fill: " +
		"reading on might never end; report it to PolyAI with this time range")
	errNextNotNamed = errors.New("the source names no next page, and has more conversations: " +
		"it may name the next page in a new way; report it to PolyAI with this time range")
	errNothingNew = errors.New("the source names page after page, but the last ones had no new conversation: " +
		"reading on might never end; report it to PolyAI with this time range")
)

// isPaging reports whether a slice failed because of its pagination.
func isPaging(err error) bool {
	for _, is := range []error{errCursorRepeated, errListChanged, errNothingNew, errTooManyPages, errNextNotNamed} {
		if errors.Is(err, is) {
			return true
		}
	}
	return false
}

// answered is a page that was read to its end.
type answered struct {
	keys []rowKey
	link polyai.Link
}

// rowKey identifies a conversation of a list: a hash of its id, or of all its
// bytes if it has no id.
type rowKey uint64

var rowSeed = maphash.MakeSeed()

func keyOf(v polyai.Value) rowKey {
	for name, value := range v.Members() {
		if name == "id" && value.Kind() != polyai.Null {
			return rowKey(maphash.Bytes(rowSeed, value))
		}
	}
	return rowKey(maphash.Bytes(rowSeed, v))
}

// pager decides which page of a slice is read next, and which is the last one. It
// checks that consecutive pages fit together: offsets count rows from the start
// of a list that may shrink or grow meanwhile.
type pager struct {
	account *account
	pages   *pageCount
	seen    map[rowKey]bool
	cursors map[string]bool
	tail    []rowKey // the last rows, oldest first
	overlap int      // rows of previous pages that the current one repeats
	probe   bool     // the current page starts after what seems to be the last row
	rows    int      // of the largest page
	before  int      // rows of the previous page
	idle    int      // consecutive pages without a new conversation
}

func newPager(a *account, pages *pageCount) *pager {
	return &pager{account: a, pages: pages, seen: map[rowKey]bool{}, cursors: map[string]bool{}}
}

// next records the page that q requested, and changes q to request the next one.
// more is false after the last page.
func (p *pager) next(q *polyai.ListQuery, got *answered) (more bool, err error) {
	fresh, err := p.take(got.keys)
	if err == nil {
		err = p.pages.add(fresh, p.rows)
	}
	if err != nil {
		return false, err
	}
	p.idle++
	if fresh > 0 {
		p.idle = 0
		p.account.learnRows(p.before)
	}
	p.before = len(got.keys)
	if got.link.Named() {
		p.account.learnNamed()
	}
	switch {
	case !p.hasNext(got, fresh):
		return false, nil
	case p.cursors[got.link.Cursor]:
		return false, errCursorRepeated
	case p.idle >= p.account.maxIdlePages():
		return false, errNothingNew
	case got.link.Cursor == "":
		p.nextOffset(q, got, fresh)
		return true, nil
	}
	p.cursors[got.link.Cursor] = true
	q.Cursor, p.overlap, p.probe = got.link.Cursor, 0, false
	return true, nil
}

// hasNext reports whether a page is followed by another one. It relies on what the
// source reports, and not on the number of rows: the source may return fewer rows
// than requested.
func (p *pager) hasNext(got *answered, fresh int) bool {
	switch {
	case got.link.Cursor != "":
		return true
	case len(got.keys) == 0: // nothing follows an empty page, whatever it reports
		return false
	case got.link.OffsetNamed:
		return true
	case !got.link.MayBeOmitted || p.account.namesNext():
		return false
	}
	// The source never names a next page: continue until a page contains only its
	// overlap although it had room for more rows.
	return fresh > 0 || len(got.keys) >= p.rows
}

// nextOffset requests the rows after those of the page, and the last ones
// again as overlap. A page that contains only its overlap, although it had room
// for more rows, is followed by a probe without overlap, which must be empty.
func (p *pager) nextOffset(q *polyai.ListQuery, got *answered, fresh int) {
	end := q.Offset + int64(len(got.keys))
	if q.Cursor != "" { // the offset of that page is unknown
		end = got.link.Offset
		if end == 0 {
			end = int64(len(p.seen))
		}
	}
	// A page of one row has no room for an overlap.
	p.overlap, p.probe = 0, fresh == 0 && (len(got.keys) < p.rows || p.rows == 1)
	if !p.probe {
		p.overlap = int(min(int64(max(1, len(got.keys)/overlapShare)), end))
	}
	q.Cursor, q.Offset, q.Limit = "", end-int64(p.overlap), max(q.Limit, p.overlap+1)
}

// take records the rows of a page and returns how many are new.
func (p *pager) take(keys []rowKey) (fresh int, err error) {
	repeated, ok := p.match(keys)
	if !ok {
		return 0, errListChanged
	}
	for _, key := range keys {
		if !p.seen[key] {
			p.seen[key] = true
			fresh++
		}
	}
	p.rows = max(p.rows, len(keys))
	p.tail = append(p.tail, keys[repeated:]...)
	if excess := len(p.tail) - maxTail; excess > 0 {
		p.tail = append(p.tail[:0], p.tail[excess:]...)
	}
	return fresh, nil
}

// match returns how many rows at the beginning of a page repeat the last rows
// before it. If an overlap was requested, it must end with the last row before;
// otherwise rows were removed, and others may have been skipped. A larger overlap
// than requested means that rows were inserted before it, which skips none.
func (p *pager) match(keys []rowKey) (repeated int, ok bool) {
	if p.overlap == 0 {
		return 0, !p.probe || len(keys) == 0
	}
	for i := range keys {
		n := min(i+1, len(p.tail))
		if slices.Equal(keys[i+1-n:i+1], p.tail[len(p.tail)-n:]) {
			return i + 1, true
		}
	}
	return 0, false
}

const (
	freePages = 256 // per slice, before their number is limited
	leastFill = 64  // further pages must contain 1/64 of a full page's rows, on average
)

// pageCount limits the number of pages of a slice, including the slices that it
// is cut into, by the number of conversations in them. It is safe for concurrent
// use.
type pageCount struct {
	mu                 sync.Mutex
	pages, fresh, most int // pages, new conversations, rows of the largest page
}

func (c *pageCount) add(fresh, most int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pages++
	c.fresh += fresh
	c.most = max(c.most, most)
	if c.pages > freePages+leastFill*c.fresh/max(c.most, 1) {
		return errTooManyPages
	}
	return nil
}
