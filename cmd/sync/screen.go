package main

import (
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// eraseLine moves to the first column and erases the line.
const eraseLine = "\r\x1b[K"

// screen is a terminal whose last line is redrawn while other lines scroll
// above it. It is safe for concurrent use.
type screen struct {
	to    io.Writer
	width func() int // current number of columns

	mu   sync.Mutex
	line string // the last line of the terminal; "": none
}

// newScreen returns nil if the output is not a terminal, or is one that cannot
// erase lines.
func newScreen(to io.Writer, lookupEnv func(string) (string, bool)) *screen {
	file, ok := to.(*os.File)
	if kind, _ := lookupEnv("TERM"); !ok || !isTerminal(to) || kind == "dumb" {
		return nil
	}
	return &screen{to: to, width: func() int {
		width, _, err := term.GetSize(int(file.Fd()))
		if err != nil || width <= 0 {
			return 80
		}
		return width
	}}
}

// Write writes complete lines above the last one.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.line == "" {
		return s.to.Write(p)
	}
	if _, err := io.WriteString(s.to, eraseLine+string(p)+s.line); err != nil {
		return 0, err
	}
	return len(p), nil
}

// draw replaces the last line; "" removes it.
func (s *screen) draw(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.line != "" || line != "" {
		_, _ = io.WriteString(s.to, eraseLine+line)
	}
	s.line = line
}
