package simulate

import (
	"io"
	"iter"
	"strconv"
	"strings"
	"sync"
)

// list is one response: the conversations of a query at a moment, newest first.
type list struct {
	query       *query
	environment *environment // nil: it has no conversations
	now         int64        // µs
	binding     uint64
	overlap     bool
	mark        string // before the JSON
	repeat      string // overrides the next cursor; "": the correct one
	paging      Paging
	endless     *int // the place of the cursor of the last page; nil: it has none
	nonce       int  // different in each response

	first *head // of those that were written
}

// page is a reusable buffer and conversation for writing a response.
type page struct {
	buf          []byte
	conversation conversation
}

var pages = sync.Pool{New: func() any { return &page{buf: make([]byte, 0, 2*flushBytes)} }}

const flushBytes = 64 << 10

// write writes the response in chunks.
func (l *list) write(w io.Writer) error {
	p := pages.Get().(*page)
	defer pages.Put(p)
	p.buf = append(append(p.buf[:0], l.mark...), `{"conversations":[`...)
	written, last := 0, 0
	more := false
	for h := range l.heads() {
		if written == l.query.limit {
			more = true
			break
		}
		if written > 0 {
			p.buf = append(p.buf, ',')
		} else {
			l.first = &h
		}
		p.conversation.fill(l.environment, h, l.now)
		p.buf = h.poison.append(p.buf, &p.conversation, l.query.latency)
		written, last = written+1, h.place
		if len(p.buf) >= flushBytes {
			if _, err := w.Write(p.buf); err != nil {
				return err
			}
			p.buf = p.buf[:0]
		}
	}
	p.buf = l.appendEnd(append(p.buf, ']'), more, last, written)
	_, err := w.Write(p.buf)
	return err
}

// appendEnd writes the end of the response, with the cursor of the next page.
func (l *list) appendEnd(dst []byte, more bool, last, written int) []byte {
	switch {
	case !more && l.endless != nil:
		dst = append(append(dst, `,"cursor":"`...), cursor(*l.endless, l.nonce, false, l.binding)...)
		return append(dst, `","next_offset":null}`...)
	case l.paging == PagingUnnamed, !more:
		return append(dst, `,"cursor":null,"next_offset":null}`...)
	case l.paging == PagingOffset:
		dst = append(dst, `,"cursor":null,"next_offset":`...)
		return append(strconv.AppendInt(dst, int64(l.query.skip+written), 10), '}')
	}
	if l.repeat != "" {
		return append(append(append(dst, `,"cursor":"`...), l.repeat...), `","next_offset":null}`...)
	}
	position := l.query.position + written
	if l.query.overlap {
		position-- // the first one was a repetition
	}
	before := last
	overlap := l.overlap && l.query.limit > 1 // otherwise the pages would repeat
	if overlap {
		before++
	}
	dst = append(append(dst, `,"cursor":"`...), cursor(before, position, overlap, l.binding)...)
	return append(strconv.AppendInt(append(dst, `","next_offset":`...), int64(position), 10), '}')
}

// heads yields the conversations of the query, newest first.
func (l *list) heads() iter.Seq[head] {
	return func(yield func(head) bool) {
		e, skip := l.environment, l.query.skip
		if e == nil {
			return
		}
		for h := range e.between(l.query.from, min(l.query.to, l.now+1), l.query.before) {
			if h.removed || h.visible > l.now || !l.query.matches(&h, l.now) {
				continue
			}
			if skip > 0 {
				skip--
				continue
			}
			if !yield(h) {
				return
			}
		}
	}
}

// between yields the conversations that start in [from, to), newest first, with
// places below before.
func (e *environment) between(from, to int64, before int) iter.Seq[head] {
	return func(yield func(head) bool) {
		first := e.firstFrom(from)
		for i := min(e.firstFrom(to), before) - 1; i >= first; i-- {
			if h := e.head(i); !h.moved && !yield(h) {
				return
			}
		}
		e.moved(from, to, before)(yield)
	}
}

func (q *query) matches(h *head, now int64) bool {
	if q.inProgress != nil && *q.inProgress != h.open(now) {
		return false
	}
	if q.variantID != "" && q.variantID != h.variant.id || q.variantName != "" && q.variantName != h.variant.name {
		return false
	}
	if len(q.channels) == 0 {
		return true
	}
	for _, name := range q.channels {
		if strings.EqualFold(name, h.channel.name) || strings.EqualFold(name, h.channel.family.String()) {
			return true
		}
	}
	return false
}
