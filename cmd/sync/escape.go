package main

import (
	"fmt"
	"io"
	"sync"
	"unicode/utf8"

	"convsync/internal/escape"
)

// escapingWriter writes text with its control characters escaped. What the source
// or a table holds may come with escape sequences, which a terminal would obey: they can
// hide lines, change the title or write to the clipboard. Lines and tabs stay.
// The escapes are those of JSON, so that JSON stays what it is.
type escapingWriter struct {
	to   io.Writer
	mu   sync.Mutex
	rest []byte // the beginning of a character that the next write completes
}

func (w *escapingWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := append(w.rest, p...)
	end := len(text)
	for back := 1; back < utf8.UTFMax && back <= len(text); back++ {
		if start := len(text) - back; utf8.RuneStart(text[start]) {
			if !utf8.FullRune(text[start:]) {
				end = start
			}
			break
		}
	}
	out := make([]byte, 0, end)
	for rest := text[:end]; len(rest) > 0; {
		c, size := utf8.DecodeRune(rest)
		switch {
		case c == utf8.RuneError && size == 1:
			out = fmt.Appendf(out, `\u%04x`, utf8.RuneError)
		case c != '\n' && c != '\t' && escape.IsControl(c):
			out = fmt.Appendf(out, `\u%04x`, c)
		default:
			out = append(out, rest[:size]...)
		}
		rest = rest[size:]
	}
	w.rest = append([]byte(nil), text[end:]...)
	if _, err := w.to.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// oneLine is a value from outside within a line of text.
func oneLine(value string) string { return escape.Line(value) }
