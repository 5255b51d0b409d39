package answer

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// CheckText returns an error for a text that no engine can compare with what is stored:
// one that is not UTF-8, or has a NUL character. name is that of the text, for people.
func CheckText(name, text string) error {
	if fault, _ := faultOf(text); fault != "" {
		return fmt.Errorf("%s %s: expected text in UTF-8", name, fault)
	}
	return nil
}

// faultOf returns why a text is not one, and the offset of the first wrong byte. "": it
// is a text.
func faultOf(text string) (fault string, at int) {
	if at = strings.IndexByte(text, 0); at >= 0 {
		return "has a NUL character", at
	}
	if utf8.ValidString(text) {
		return "", 0
	}
	for i, c := range text {
		if _, size := utf8.DecodeRuneInString(text[i:]); c == utf8.RuneError && size == 1 {
			return "is not valid UTF-8", i
		}
	}
	return "", 0
}
