package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"strings"
	"time"
)

//go:embed page/page.html page/page.css page/page.js page/uplot
var pageFiles embed.FS

var pageTemplate = template.Must(template.New("page.html").Funcs(template.FuncMap{"grouped": grouped, "num": num, "shown": shown}).ParseFS(pageFiles, "page/page.html"))

// The style and the script of the page, which its policy names by their hashes.
var (
	pageStyle  = mustRead("page/uplot/uPlot.min.css") + "\n" + mustRead("page/page.css")
	pageScript = mustRead("page/uplot/uPlot.iife.min.js") + "\n" + mustRead("page/page.js")
)

// policy is the content security policy of the page: it loads nothing, and executes
// only its own script.
var policy = "default-src 'none'; script-src " + hashOf(pageScript) + "; style-src " + hashOf(pageStyle) + "; base-uri 'none'; form-action 'self'"

// Policy is the value of the header Content-Security-Policy for a page that is served.
func Policy() string { return policy + "; frame-ancestors 'none'" }

func mustRead(name string) string {
	text, err := pageFiles.ReadFile(name)
	if err != nil {
		panic(err) // the files are part of the program
	}
	return string(text)
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// page is the data of the template.
type page struct {
	*Report
	Policy   string
	Style    template.CSS
	Script   template.JS
	Title    string
	Cards    []Card
	Sections []section
	Plots    []*plot
	Nav      *Navigation
}

// Navigation is shown on a page that is served: links, and a form for another period. The
// page of a file has none.
type Navigation struct {
	Home string // path of the status page
	Path string // of the report
	// Projects are those that the report was asked for, which the form keeps; none: all.
	Projects []string
}

// Page returns the report as an HTML page.
func (r *Report) Page() ([]byte, error) { return r.PageWith(nil) }

// PageWith is Page with navigation.
func (r *Report) PageWith(nav *Navigation) ([]byte, error) {
	p := page{
		Report:   r,
		Policy:   policy,
		Style:    template.CSS(pageStyle), //nolint:gosec // part of the program
		Script:   template.JS(pageScript), //nolint:gosec // part of the program
		Title:    "Conversations from " + r.Period.Words(),
		Cards:    r.Headline(),
		Sections: r.sections(),
		Nav:      nav,
	}
	if r.Current == nil {
		p.Sections = []section{r.quality()}
	}
	for i := range p.Sections {
		for _, c := range p.Sections[i].Charts {
			if c.Plot != nil {
				p.Plots = append(p.Plots, c.Plot)
			}
		}
	}
	var body bytes.Buffer
	err := pageTemplate.Execute(&body, &p)
	return body.Bytes(), err
}

// PreviousWords is the previous period for people.
func (p *page) PreviousWords() string { return p.Previous.Words() }

// Generated is the time of the report for people.
func (p *page) Generated() string { return p.GeneratedAt.Format("2 Jan 2006, 15:04 MST") }

// First and Last are days of the form.
func (p *page) First() string { return p.Period.From.Format(time.DateOnly) }

// Last is the day after the last one.
func (p *page) Last() string { return p.Period.To.Format(time.DateOnly) }

// Names are the projects.
func (p *page) Names() string {
	const shownNames = 8
	var names []string
	for i := range p.Feeds {
		if i == shownNames {
			names = append(names, grouped(int64(len(p.Feeds)-i))+" more")
			break
		}
		names = append(names, p.Feeds[i].ProjectID)
	}
	return strings.Join(names, ", ")
}
