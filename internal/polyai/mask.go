package polyai

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// shortestMasked is the length in bytes from which keys are masked. A shorter value is
// not a real key, and may be part of any word.
const shortestMasked = 8

// maskKey replaces the key in a text by [key] unless it is a part of a longer word.
func maskKey(text, key string) string {
	if len(key) < shortestMasked {
		return text
	}
	var b strings.Builder
	for from := 0; ; {
		i := strings.Index(text[from:], key)
		if i < 0 {
			b.WriteString(text[from:])
			return b.String()
		}
		start, end := from+i, from+i+len(key)
		before, _ := utf8.DecodeLastRuneInString(text[:start])
		after, _ := utf8.DecodeRuneInString(text[end:])
		if isWord(before) || isWord(after) {
			_, size := utf8.DecodeRuneInString(text[start:])
			b.WriteString(text[from : start+size])
			from = start + size
			continue
		}
		b.WriteString(text[from:start] + "[key]")
		from = end
	}
}

func isWord(c rune) bool {
	return c != utf8.RuneError && (unicode.IsLetter(c) || unicode.IsDigit(c))
}

// visible replaces control characters, which a terminal would interpret, by spaces.
func visible(c rune) rune {
	if unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) {
		return ' '
	}
	return c
}
