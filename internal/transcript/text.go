package transcript

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"

	"convsync/internal/escape"
)

// Terminal configures [Transcript.WriteText].
type Terminal struct {
	Width int  // number of columns; 0: lines are not wrapped
	Color bool // by escape sequences
}

// The columns before the text of an utterance: the time since the start, the speaker.
const (
	offsetWidth = 7
	textIndent  = offsetWidth + len("  Agent  ")
)

// barWidth is the number of columns of a full latency bar.
const barWidth = 20

// The escape sequences of colors.
var colors = map[string]string{
	"User": "\x1b[36m", "Agent": "\x1b[35m", "quiet": "\x1b[2m", "bold": "\x1b[1m", "note": "\x1b[33m",
	"fast": "\x1b[32m", "slow": "\x1b[33m", "very-slow": "\x1b[31m",
}

// WriteText writes the transcript for a terminal. Control characters in it are escaped.
func (t *Transcript) WriteText(w io.Writer, to Terminal) error {
	out := &textWriter{Writer: bufio.NewWriter(w), to: to}
	out.page(newPage(t))
	return out.Flush()
}

type textWriter struct {
	*bufio.Writer
	to Terminal
}

func (w *textWriter) page(p *page) {
	w.block("", "bold", joined(" · ", p.Project, p.ID))
	for _, n := range p.Notes {
		w.block("! ", "note", n.Text)
	}
	fmt.Fprintln(w)
	w.facts(p.Facts)
	if p.Summary != "" {
		fmt.Fprintln(w)
		w.block("", "", p.Summary)
	}
	for i := range p.Turns {
		fmt.Fprintln(w)
		w.turn(&p.Turns[i])
	}
	if len(p.Metrics) > 0 {
		fmt.Fprintln(w)
		w.block("", "bold", "Metrics")
		w.facts(p.Metrics)
	}
}

// facts writes names and values in two columns.
func (w *textWriter) facts(facts []fact) {
	width := 0
	for _, f := range facts {
		width = max(width, runewidth.StringWidth(escape.Line(f.Name)))
	}
	width = min(width, 32)
	for _, f := range facts {
		w.block(runewidth.FillRight(escape.Line(f.Name), width)+"  ", "", f.Value)
	}
}

func (w *textWriter) turn(v *turnView) {
	for i := range v.Said {
		u := &v.Said[i]
		head := runewidth.FillLeft(u.Offset, offsetWidth) + "  " + w.colored(u.Speaker, fmt.Sprintf("%-5s", u.Speaker)) + "  "
		text := u.Text
		for _, m := range u.Marks {
			text = strings.TrimPrefix(text+" ["+m+"]", " ")
		}
		if text != "" {
			w.lines(head, "", text)
			head = strings.Repeat(" ", textIndent)
		}
		if u.English != "" {
			w.lines(head, "quiet", "English: "+u.English)
		}
		if u.Latency != nil {
			w.latency(head, u.Latency)
		}
	}
	for _, d := range v.Details {
		w.lines(strings.Repeat(" ", textIndent), "quiet", d.Name+": "+d.Value)
	}
}

// latency writes a bar of eighths of columns, and the seconds.
func (w *textWriter) latency(head string, l *latency) {
	eighths := int(l.Share*barWidth*8 + 0.5)
	bar := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		bar += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	fmt.Fprintf(w, "%s%s\n", head, joined(" ", w.colored(l.Level, bar), "latency "+joined(", ", l.Seconds, l.Word, escape.Line(l.Label))))
}

// block writes a text after a head, with its next lines below its start.
func (w *textWriter) block(head, color, text string) { w.lines(escape.Line(head), color, text) }

// lines is block for a head that may have colors.
func (w *textWriter) lines(head, color, text string) {
	indent := runewidth.StringWidth(plain(head))
	for line := range strings.Lines(strings.ReplaceAll(text, "\r\n", "\n")) {
		for _, part := range w.wrap(escape.Line(strings.TrimSuffix(line, "\n")), indent) {
			fmt.Fprintln(w, strings.TrimRight(head+w.colored(color, part), " "))
			head = strings.Repeat(" ", indent)
		}
	}
}

// plain removes the colors of a head.
func plain(s string) string {
	for _, color := range colors {
		s = strings.ReplaceAll(s, color, "")
	}
	return strings.ReplaceAll(s, "\x1b[0m", "")
}

func (w *textWriter) colored(color, text string) string {
	if !w.to.Color || colors[color] == "" || text == "" {
		return text
	}
	return colors[color] + text + "\x1b[0m"
}

// narrowest is the least width of a wrapped text.
const narrowest = 20

// wrap breaks a line between words to fit the terminal. A word that is too long is
// broken.
func (w *textWriter) wrap(line string, indent int) (parts []string) {
	if w.to.Width == 0 {
		return []string{line}
	}
	room := max(w.to.Width-indent, narrowest)
	part := ""
	for word := range strings.FieldsSeq(line) {
		if next := joined(" ", part, word); runewidth.StringWidth(next) <= room {
			part = next
			continue
		}
		if part != "" {
			parts = append(parts, part)
		}
		for runewidth.StringWidth(word) > room {
			head := runewidth.Truncate(word, room, "")
			parts, word = append(parts, head), word[len(head):]
		}
		part = word
	}
	return append(parts, part)
}
