package config

import (
	"strings"

	"convsync/internal/spelling"
)

// oneOf returns the expected values, such as "us, uk or eu", with a suggestion
// of the intended one.
func oneOf(got string, known []string) string {
	text := "expected " + enumerate(known)
	if guess := nearest(got, known); guess != "" {
		text += "; did you mean " + guess + "?"
	}
	return text
}

func enumerate(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// nearest returns the known word of which got is a likely misspelling, or "".
func nearest(got string, known []string) string {
	got = strings.ReplaceAll(strings.ToLower(got), "-", "_")
	best, bestDistance := "", max(1, min(len(got)/3, 3))+1
	for _, word := range known {
		d := spelling.Distance(got, strings.ReplaceAll(word, "-", "_"))
		if len(got) >= 4 && strings.HasPrefix(word, got) {
			d = min(d, 1) // an abbreviation
		}
		if d < bestDistance {
			best, bestDistance = word, d
		}
	}
	return best
}
