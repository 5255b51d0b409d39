package simulate

import (
	"fmt"
	"math"
)

// Paging is the way in which a page leads to the next one.
type Paging string

// The ways; "" is a cursor, with next_offset in addition.
const (
	PagingOffset  Paging = "offset"  // next_offset without a cursor, as in v1, and in v2 for projects without streaming
	PagingUnnamed Paging = "unnamed" // the client counts: no response names the next page
)

func (p Paging) validate() error {
	switch p {
	case "", PagingOffset, PagingUnnamed:
		return nil
	}
	return fmt.Errorf("simulate: lists cannot page by %q; use offset or unnamed, or leave it out for cursors", p)
}

// pagingOf returns the paging of a version of the API.
func (s *Simulator) pagingOf(version string) Paging {
	if s.o.Paging == "" && version != "v3" {
		return PagingOffset
	}
	return s.o.Paging
}

// misbehave applies a fault to the paging of a response.
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

// eraseFirst erases the first conversation of the response.
func (l *list) eraseFirst() {
	if l.first != nil {
		o := l.environment.override(l.first.index)
		o.Remove = true
		l.environment.overrides.set(l.first.index, o)
	}
}
