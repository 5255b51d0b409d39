package simulate

import (
	"bytes"
	"net/http"
)

// Poison is how a conversation breaks the pages that contain it.
type Poison string

// The poisons.
const (
	PoisonNaN       Poison = "nan"        // a number is NaN
	PoisonLineBreak Poison = "line_break" // a raw line break in a string
	PoisonQuote     Poison = "quote"      // an unescaped quote in a string: the values after it cannot be parsed
	PoisonRefused   Poison = "refused"    // the page gets a 500
	PoisonDeep      Poison = "deep"       // its state has 12,000 levels, which is valid JSON
)

// isLost reports whether no warehouse can store the conversation.
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

// refuses answers a request for a page with a conversation that cannot be rendered
// with an error, and reports whether it did.
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

// byteOrderMark precedes a page of some services.
const byteOrderMark = "\xEF\xBB\xBF"
