package polyai

import (
	"bytes"
	"iter"
)

// The names of the members that lead to a value that changes by itself, in quotes.
const (
	turnsName      = `"turns"`
	latencyName    = `"latency"`
	secondsName    = `"perceived_latency"`
	labelName      = `"label"`
	percentileName = `"perceived_latency_percentile_1d"`

	// rarePart is the end of percentileName from its least frequent letter on, which a
	// search for it finds five times as fast: the search looks for the first letter.
	rarePart = `ved_latency_percentile_1d"`
)

// Stable yields a well-formed conversation in parts, without the values that change by
// themselves: how a turn's latency compares with those of its last day
// ([Turn].LatencyPercentile1d). Conversations with equal parts decode to the same
// except for these.
//
// A percentile is left out only where Decode reads it into that field and nowhere
// else. If a latency has any other form than the usual one, Decode may keep it as
// a whole, so the percentile belongs to the content.
func (v Value) Stable() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if !bytes.Contains(v, []byte(rarePart)) || v.Kind() != Object {
			yield(v)
			return
		}
		s := stable{v: v, yield: yield}
		s.conversation()
		if !s.stopped {
			yield(v[s.from:])
		}
	}
}

// stable walks through a conversation once. Its methods take the position at which a
// value begins, and return its end.
type stable struct {
	v       Value
	from    int // of the part that is not yielded yet
	yield   func(Value) bool
	stopped bool
}

func (s *stable) conversation() {
	s.members(0, func(name Value, at int) int {
		if string(name) != turnsName || s.v[at] != '[' {
			return skipValue(s.v, at)
		}
		return s.turns(at)
	})
}

func (s *stable) turns(at int) int {
	for at = skipSpace(s.v, at+1); at < len(s.v) && s.v[at] != ']'; at = skipSpace(s.v, at) {
		if s.v[at] == '{' {
			at = s.members(at, s.turnMember)
		} else {
			at = skipValue(s.v, at)
		}
	}
	return at + 1
}

func (s *stable) turnMember(name Value, at int) int {
	if string(name) != latencyName || s.v[at] != '{' {
		return skipValue(s.v, at)
	}
	var from, until int // the percentile
	usual := true
	end := s.members(at, func(name Value, at int) int {
		end := skipValue(s.v, at)
		value := s.v[at:end]
		switch string(name) {
		case percentileName:
			usual = usual && from == 0 && isPlainNumber(value)
			from, until = at, end
		case secondsName:
			usual = usual && isPlainNumber(value)
		case labelName:
			usual = usual && value.scalar()
		default:
			usual = false
		}
		return end
	})
	if usual && from > 0 && !s.stopped {
		s.stopped = !s.yield(s.v[s.from:from])
		s.from = until
	}
	return end
}

// members calls member with the raw name and the position of each value of the object at
// at, and returns the end of the object.
func (s *stable) members(at int, member func(name Value, at int) int) int {
	for at = skipSpace(s.v, at+1); at < len(s.v) && s.v[at] == '"'; {
		nameEnd := skipString(s.v, at)
		at = skipSpace(s.v, member(s.v[at:nameEnd], skipSpace(s.v, nameEnd)))
	}
	return at + 1
}

// isPlainNumber reports whether a value is null or a short number without an exponent,
// which can be read in any case.
func isPlainNumber(v Value) bool {
	const maxPlain = 40
	if v.Kind() == Null {
		return true
	}
	return v.Kind() == Number && len(v) <= maxPlain && !bytes.ContainsAny(v, "eE")
}
