package polyai

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// DataName replaces a name that looks like data.
	DataName = "[name]"

	maxNameLength = 64 // characters
	maxNumbers    = 3  // in a name; an id or an address has more
)

// driftName returns the name of an unknown field as it may be stored in a path.
// An agent can put data into names (order_4711, an e-mail address): numbers
// become #, and what looks like data as a whole becomes [DataName].
func driftName(name string) string {
	if utf8.RuneCountInString(name) > maxNameLength || strings.ContainsRune(name, '@') {
		return DataName
	}
	if !strings.ContainsFunc(name, unicode.IsDigit) {
		return name
	}
	var out strings.Builder
	numbers, inNumber := 0, false
	for _, r := range name {
		digit := unicode.IsDigit(r)
		switch {
		case !digit:
			out.WriteRune(r)
		case !inNumber:
			numbers++
			out.WriteByte('#')
		}
		inNumber = digit
	}
	if numbers > maxNumbers {
		return DataName
	}
	return out.String()
}
