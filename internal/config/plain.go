package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
	const longest = 24
	rest := strings.TrimPrefix(value, "@") // @every 90m
	return len(rest) <= longest && hasPlainWords(rest)
}

// hasPlainWords is isPlain for a value of any length.
func hasPlainWords(value string) bool {
	const longestWord, longestNumber, longestMixed = 14, 8, 5
	separator := func(c rune) bool { return strings.ContainsRune(" -_.:/,*+", c) }
	for word := range strings.FieldsFuncSeq(value, separator) {
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

// quotePathError is the error of opening a file, without its path where a key or
// a URL may have been written instead of one.
func quotePathError(err error, path, written string) error {
	var failed *fs.PathError
	if !errors.As(err, &failed) || looksLikePath(path, written) {
		return err
	}
	return fmt.Errorf("%s the file (a path of %d characters): %w", failed.Op, utf8.RuneCountInString(written), failed.Err)
}

// looksLikePath reports whether a path, and what was written for it in the
// configuration, are unlike a key and a URL: there is such a file, or at least
// its folder, or it consists of plain words.
func looksLikePath(path, written string) bool {
	if _, err := os.Lstat(path); err == nil {
		return true
	}
	if strings.Contains(written, "://") {
		return false
	}
	if folder := filepath.Dir(written); folder != "." && folder != string(filepath.Separator) {
		if info, err := os.Stat(filepath.Dir(path)); err == nil && info.IsDir() {
			return true
		}
	}
	return hasPlainWords(written)
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
