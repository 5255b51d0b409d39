package escape

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// IsControl reports whether a character changes how others are shown: control
// characters, line separators, and those that change the direction of text.
func IsControl(c rune) bool {
	return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) || c == '\u2028' || c == '\u2029'
}

// Line escapes a value within a line of text: its line ends and tabs cannot pretend
// to be output of the program.
func Line(value string) string {
	out := make([]byte, 0, len(value))
	for _, c := range value {
		if IsControl(c) {
			out = fmt.Appendf(out, `\u%04x`, c)
		} else {
			out = utf8.AppendRune(out, c)
		}
	}
	return string(out)
}
