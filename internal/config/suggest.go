package config

import "strings"

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
		d := distance(got, strings.ReplaceAll(word, "-", "_"))
		if len(got) >= 4 && strings.HasPrefix(word, got) {
			d = min(d, 1) // an abbreviation
		}
		if d < bestDistance {
			best, bestDistance = word, d
		}
	}
	return best
}

// distance is the number of letters to insert, delete, replace or swap with
// their neighbour (optimal string alignment).
func distance(a, b string) int {
	if len(a) > 64 {
		return len(a) // no key is that long
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			same := 1
			if a[i-1] == b[j-1] {
				same = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+same)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
