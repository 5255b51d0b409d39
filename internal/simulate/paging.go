package simulate

import (
	"fmt"
	"math"
)

// Paging is how a list leads from page to page.
type Paging string

// The ways to page; "" is a cursor, with next_offset in addition.
const (
	PagingOffset  Paging = "offset"  // next_offset and no cursor, as v1 does, and v2 of projects without streaming
	PagingUnnamed Paging = "unnamed" // the client counts: no answer names the next page
)

func (p Paging) validate() error {
	switch p {
	case "", PagingOffset, PagingUnnamed:
		return nil
	}
	return fmt.Errorf("simulate: lists cannot page by %q; use offset or unnamed, or leave it out for cursors", p)
}

// pagingOf is how a version of the API pages.
func (s *Simulator) pagingOf(version string) Paging {
	if s.o.Paging == "" && version != "v3" {
		return PagingOffset
	}
	return s.o.Paging
}

// misbehave makes the paging of an answer go wrong.
func (l *list) misbehave(f Fault, asked string, request int64) {
	l.nonce = int(request)
	var place int
	switch f {
	case RepeatCursor:
		l.repeat = asked
	case FreshCursor:
		place = -math.MaxInt32
		l.endless = &place
	case CycleCursor:
		place = math.MaxInt32
		l.endless = &place
	}
}

// eraseFirst erases the first conversation that was answered.
func (l *list) eraseFirst() {
	if l.first != nil {
		o := l.environment.override(l.first.index)
		o.Remove = true
		l.environment.overrides.set(l.first.index, o)
	}
}
