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
	maxNumbers    = 3  // per name; an id or an address has more
)

// driftName returns the name of an unknown field in the form that is stored in a path.
// Names can contain data (order_4711, an e-mail address). Numbers become #, and a name
// that looks like data becomes [DataName].
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
