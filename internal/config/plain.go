package config

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// quotePlain quotes a value for a message if it looks like a value of a
// configuration. A key or a password in the wrong field is not repeated: the
// message has its position in the file.
func quotePlain(value string) string {
	if !isPlain(value) {
		return "the value (" + strconv.Itoa(utf8.RuneCountInString(value)) + " characters)"
	}
	return strconv.Quote(value)
}

// isPlain reports whether a value is short and made of words, numbers, dates or
// durations, unlike a key or a generated password.
func isPlain(value string) bool {
	const longest, longestWord, longestNumber, longestMixed = 24, 14, 8, 5
	separator := func(c rune) bool { return strings.ContainsRune(" -_.:/,*+", c) }
	rest := strings.TrimPrefix(value, "@") // @every 90m
	if len(rest) > longest {
		return false
	}
	for word := range strings.FieldsFuncSeq(rest, separator) {
		letters, digits := 0, 0
		for _, c := range word {
			switch {
			case c < utf8.RuneSelf && unicode.IsLetter(c):
				letters++
			case c < utf8.RuneSelf && unicode.IsDigit(c):
				digits++
			default:
				return false
			}
		}
		if letters > longestWord || digits > longestNumber || letters > 0 && digits > 0 && letters+digits > longestMixed {
			return false
		}
	}
	return true
}

var variable = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)(:-[^{}]*)?\}$`)

// quoteVariable quotes a value with variables in it, as written and without
// their defaults.
func quoteVariable(raw string) string {
	if m := variable.FindStringSubmatch(raw); m != nil && looksLikeVariable(m[1]) {
		return strconv.Quote("${" + m[1] + "}")
	}
	return "the value with variables in it"
}

// looksLikeVariable reports whether a name between ${ and } looks like the name
// of a variable, and not like a secret.
func looksLikeVariable(name string) bool {
	return strings.Contains(name, "_") && !strings.ContainsFunc(name, unicode.IsLower) || isPlain(name)
}

var keyName = regexp.MustCompile(`^[A-Za-z][A-Za-z_. -]*$`)

// showKey returns the name of an unknown key for a message. A missing space
// makes a key of `api_key:value`.
func showKey(name string) string {
	if keyName.MatchString(name) && isPlain(name) {
		return name
	}
	if before, _, found := strings.Cut(name, ":"); found && keyName.MatchString(before) && isPlain(before) {
		return before + ":…"
	}
	return "(a name of " + strconv.Itoa(utf8.RuneCountInString(name)) + " characters)"
}
