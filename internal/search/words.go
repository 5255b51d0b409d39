package search

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"convsync/internal/warehouse"
)

// significant is the number of characters of a word that count, as in
// [warehouse.PlainWords].
const significant = 60

var separators = regexp.MustCompile(warehouse.Separators)

// Words cuts a text into words, as the destinations do.
func Words(text string) (words []string) {
	for word := range strings.FieldsSeq(separators.ReplaceAllString(strings.ToLower(norm.NFC.String(text)), " ")) {
		words = append(words, cut(word))
	}
	return words
}

func cut(word string) string {
	if utf8.RuneCountInString(word) > significant {
		word = string([]rune(word)[:significant])
	}
	return word
}

// The number of characters of a snippet before and after the first word.
const (
	snippetBefore = 40
	snippetAfter  = 80
)

// speakers are those of the texts of a turn.
var speakers = []string{"User", "Agent", "User, translated", "Agent, translated"}

// snippet returns the part of the text that has most of the words, with these between
// asterisks.
func snippet(texts, words []string) string {
	best, found := 0, 0
	for i, text := range texts {
		n, has := 0, Words(text)
		for _, w := range words {
			if slices.Contains(has, w) {
				n++
			}
		}
		if n > found {
			best, found = i, n
		}
	}
	text := strings.Join(strings.Fields(norm.NFC.String(texts[best])), " ")
	places := occurrences(text, words)
	if len(places) == 0 {
		return ""
	}
	start, end := around(text, places)
	var b strings.Builder
	b.WriteString(speakers[best] + ": ")
	if start > 0 {
		b.WriteString("…")
	}
	at := start
	for _, p := range places {
		if p[0] < start || p[1] > end {
			continue
		}
		b.WriteString(text[at:p[0]] + "**" + text[p[0]:p[1]] + "**")
		at = p[1]
	}
	b.WriteString(text[at:end])
	if end < len(text) {
		b.WriteString("…")
	}
	return b.String()
}

// occurrences returns the places of the words in a text.
func occurrences(text string, words []string) (places [][2]int) {
	at := 0
	for _, gap := range append(separators.FindAllStringIndex(text, -1), []int{len(text), len(text)}) {
		if word := text[at:gap[0]]; word != "" && slices.Contains(words, cut(strings.ToLower(word))) {
			places = append(places, [2]int{at, gap[0]})
		}
		at = gap[1]
	}
	return places
}

// around returns the part of a text with the place from which most others are near. It
// begins and ends between words.
func around(text string, places [][2]int) (start, end int) {
	first, most := places[0][0], 0
	for i, p := range places {
		n := 0
		for _, other := range places[i:] {
			if other[1] <= p[0]+snippetAfter {
				n++
			}
		}
		if n > most {
			first, most = p[0], n
		}
	}
	if start = first - snippetBefore; start <= 0 {
		start = 0
	} else if space := strings.IndexByte(text[start:first], ' '); space >= 0 {
		start += space + 1
	} else {
		start = first
	}
	last := first
	for _, p := range places {
		if p[1] <= first+snippetAfter {
			last = max(last, p[1])
		}
	}
	if end = max(first+snippetAfter, last); end >= len(text) {
		return start, len(text)
	}
	if space := strings.LastIndexByte(text[:end], ' '); space > last {
		return start, space
	}
	return start, last
}
