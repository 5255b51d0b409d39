package simulate

import (
	"bytes"
	"net/http"
)

// Poison is what a conversation does to the pages that it is on.
type Poison string

// The poisons.
const (
	PoisonNaN       Poison = "nan"        // a number is NaN
	PoisonLineBreak Poison = "line_break" // a raw line break stands in a string
	PoisonQuote     Poison = "quote"      // a quote in a string is not escaped: nothing after it can be told apart
	PoisonRefused   Poison = "refused"    // the page is answered 500
	PoisonDeep      Poison = "deep"       // its state is nested 12,000 deep, which is JSON
)

// isLost reports whether no warehouse can hold the conversation.
func (p Poison) isLost() bool { return p != "" && p != PoisonDeep }

var deepState = nested(12_000)

// append writes the poisoned conversation.
func (p Poison) append(dst []byte, c *conversation, withLatency bool) []byte {
	dst = c.append(dst, withLatency)
	var poison string
	switch p {
	case PoisonNaN:
		poison = `,"poison":NaN}`
	case PoisonLineBreak:
		poison = ",\"poison\":\"one line\nand another\"}"
	case PoisonQuote:
		poison = `,"poison":"said "no" twice"}`
	default:
		return dst
	}
	return append(bytes.TrimSuffix(dst, []byte("}")), poison...)
}

// refuses answers a request for a page with a conversation on it that cannot be
// rendered.
func (l *list) refuses(w http.ResponseWriter, id string) bool {
	if l.environment == nil || l.environment.overrides.now.Load() == nil {
		return false
	}
	n := 0
	for h := range l.heads() {
		if n++; n > l.query.limit {
			return false
		}
		if h.poison == PoisonRefused {
			fail(w, id, http.StatusInternalServerError, "INTERNAL_ERROR", "An unexpected error occurred.")
			return true
		}
	}
	return false
}

// byteOrderMark is what some services write before a page.
const byteOrderMark = "\xEF\xBB\xBF"
