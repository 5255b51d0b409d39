package transcript

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteMarkdown writes the transcript for a document.
func (t *Transcript) WriteMarkdown(w io.Writer) error {
	p, out := newPage(t), bufio.NewWriter(w)
	fmt.Fprintf(out, "# Conversation %s\n\n", markdown(p.ID))
	for _, n := range p.Notes {
		fmt.Fprintf(out, "> **Note:** %s\n\n", markdown(n.Text))
	}
	markdownFacts(out, append([]fact{{"Project", p.Project}}, p.Facts...))
	if p.Summary != "" {
		fmt.Fprintf(out, "\n%s\n", markdown(p.Summary))
	}
	fmt.Fprintf(out, "\n## Transcript\n\n")
	for i := range p.Turns {
		markdownTurn(out, &p.Turns[i])
	}
	if len(p.Metrics) > 0 {
		fmt.Fprintf(out, "\n## Metrics\n\n")
		markdownFacts(out, p.Metrics)
	}
	return out.Flush()
}

func markdownFacts(out io.Writer, facts []fact) {
	fmt.Fprint(out, "| | |\n| --- | --- |\n")
	for _, f := range facts {
		fmt.Fprintf(out, "| %s | %s |\n", markdown(f.Name), markdown(f.Value))
	}
}

func markdownTurn(out io.Writer, v *turnView) {
	for _, u := range v.Said {
		fmt.Fprintf(out, "- **%s**", joined(" ", u.Offset, u.Speaker))
		for _, m := range u.Marks {
			fmt.Fprintf(out, " *(%s)*", markdown(m))
		}
		if u.Latency != nil {
			fmt.Fprintf(out, " *(latency %s)*", markdown(joined(", ", u.Latency.Seconds, u.Latency.Word, u.Latency.Label)))
		}
		if u.Text != "" {
			fmt.Fprintf(out, ": %s", markdown(u.Text))
		}
		if u.English != "" {
			fmt.Fprintf(out, "<br>English: %s", markdown(u.English))
		}
		fmt.Fprintln(out)
	}
	for _, d := range v.Details {
		fmt.Fprintf(out, "  - %s: %s\n", markdown(d.Name), markdown(d.Value))
	}
}

var markdownEscapes = strings.NewReplacer("\r\n", "<br>", "\n", "<br>", "\r", "<br>", "&", "&amp;", "<", "&lt;", ">", "&gt;",
	"\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "|", "\\|", "#", "\\#", "~", "\\~", "!", "\\!")

// markdown escapes text, so that nothing in it is markup.
func markdown(s string) string { return markdownEscapes.Replace(s) }
