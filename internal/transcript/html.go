package transcript

import (
	"crypto/sha256"
	_ "embed" // the page and its style
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
)

//go:embed transcript.html
var htmlText string

//go:embed transcript.css
var style string

var htmlTemplate = template.Must(template.New("transcript").Funcs(template.FuncMap{
	"style":    func() template.CSS { return template.CSS(style) }, //nolint:gosec // a file of this package
	"barWidth": func(l *latency) string { return fmt.Sprintf("%.1f", l.Share*100) },
	"machine":  func(t Time) string { return t.Format(postgresTime) },
	"lower":    lower,
}).Parse(htmlText))

// lower returns the class of a speaker.
func lower(speaker string) string {
	if speaker == "User" {
		return "user"
	}
	return "agent"
}

// WriteHTML writes the transcript as a page of one file.
func (t *Transcript) WriteHTML(w io.Writer) error { return htmlTemplate.Execute(w, newPage(t)) }

// StyleSource returns the source that a Content-Security-Policy must allow for the
// style of the page.
func StyleSource() string {
	sum := sha256.Sum256([]byte("\n" + style))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
