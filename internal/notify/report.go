package notify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Report is a report that a schedule has written. It contains sums and no data of single
// conversations.
type Report struct {
	Schedule string   `json:"schedule"`
	Title    string   `json:"title"`              // the period and the projects
	Previous string   `json:"previous,omitempty"` // the period that it is compared with
	Figures  []Figure `json:"figures"`            // the first one is in the first line of the text
	Notes    []string `json:"notes,omitempty"`    // what the figures lack
	File     string   `json:"file"`               // the page
	Data     string   `json:"data"`               // the same as JSON
	URL      string   `json:"url,omitempty"`      // the page of `convsync serve`
}

// Figure is a headline figure, formatted for people.
type Figure struct {
	Name     string `json:"name"`
	Value    string `json:"value"`
	Previous string `json:"previous,omitempty"` // that of the previous period
	Change   string `json:"change,omitempty"`
}

// pendingReport is a report that some channels have not delivered yet.
type pendingReport struct {
	Report Report    `json:"report"`
	At     time.Time `json:"at"`
	// Due are the channels that have to deliver it.
	Due []string `json:"due"`
}

// Wrote processes that a scheduled report was written. Each channel delivers it once.
func (n *Notifier) Wrote(ctx context.Context, r *Report) {
	now := time.Now()
	n.change(ctx, now, func(s *state) {
		s.close(kindReport, subject{schedule: r.Schedule}, now)
		s.Reports = slices.DeleteFunc(s.Reports, func(p *pendingReport) bool { return p.Report.File == r.File }) // it was replaced
		p := &pendingReport{Report: *r, At: now.UTC()}
		for _, c := range n.channels {
			p.Due = append(p.Due, c.name)
		}
		s.Reports = append(s.Reports, p)
	})
}

// NotWritten processes that a scheduled report could not be written. The incident ends
// when the schedule writes one.
func (n *Notifier) NotWritten(ctx context.Context, schedule string, err error) {
	now := time.Now()
	n.change(ctx, now, func(s *state) { s.open(reportFailed(schedule, err, now)) })
}

// dueReports returns the reports that a channel has to deliver.
func (s *state) dueReports(channel string) (due []Report) {
	for _, p := range s.Reports {
		if slices.Contains(p.Due, channel) {
			due = append(due, p.Report)
		}
	}
	return due
}

// deliveredReports records what a channel has delivered.
func (s *state) deliveredReports(channel string, reports []Report) {
	for _, p := range s.Reports {
		if slices.ContainsFunc(reports, func(r Report) bool { return r.File == p.Report.File }) {
			p.Due = slices.DeleteFunc(p.Due, func(c string) bool { return c == channel })
		}
	}
}

// forgetReports drops reports that every channel has delivered, or none will.
func (s *state) forgetReports(channels []*channel, now time.Time) {
	s.Reports = slices.DeleteFunc(s.Reports, func(p *pendingReport) bool {
		due := slices.ContainsFunc(channels, func(c *channel) bool { return slices.Contains(p.Due, c.name) })
		return !due || now.Sub(p.At) >= keepEnded
	})
}

// headline is the report in one sentence.
func (r *Report) headline() string {
	if len(r.Figures) == 0 {
		return r.Title + ": no figures."
	}
	return r.Title + ": " + r.Figures[0].text() + "."
}

// text lists the figures and where the page is.
func (r *Report) text() string {
	lines := []string{r.Title}
	if r.Previous != "" {
		lines[0] += ". In brackets: " + r.Previous
	}
	for _, f := range r.Figures {
		lines = append(lines, f.text())
	}
	for _, note := range r.Notes {
		lines = append(lines, "Note: "+tidy(note))
	}
	lines = append(lines, "File: "+r.File)
	if r.URL != "" {
		lines = append(lines, "Page: "+r.URL)
	}
	return strings.Join(lines, "\n")
}

func (f Figure) text() string {
	switch {
	case f.Previous == "":
		return f.Name + " " + f.Value
	case f.Change == "":
		return fmt.Sprintf("%s %s (%s)", f.Name, f.Value, f.Previous)
	}
	return fmt.Sprintf("%s %s (%s, %s)", f.Name, f.Value, f.Previous, f.Change)
}

// reportFile is the page of the newest report of a message; "": it has none.
func (m *Message) reportFile() string {
	if len(m.Reports) == 0 {
		return ""
	}
	return m.Reports[len(m.Reports)-1].File
}
