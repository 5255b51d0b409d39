package notify

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/plural"
)

// Message contains the notices and reports of one event. It is the body of the JSON format and
// the input of the command.
type Message struct {
	Sender    string   `json:"sender"`
	Text      string   `json:"text"` // all of it, human-readable
	Incidents []Notice `json:"incidents"`
	Reports   []Report `json:"reports,omitempty"`
}

// The states of a [Notice].
const (
	StateOpen      = "open"
	StateRecovered = "recovered"
)

// Notice reports the start or the end of an incident.
type Notice struct {
	Kind        string    `json:"kind"` // destination_away, run_failed, project_failed, rejects, data_old, no_run, store_unavailable, report_failed or test
	State       string    `json:"state"`
	Schedule    string    `json:"schedule,omitempty"`   // of run_failed, rejects and report_failed
	ProjectID   string    `json:"project_id,omitempty"` // of project_failed and data_old
	Environment string    `json:"environment,omitempty"`
	What        string    `json:"what"`
	Since       time.Time `json:"since"`
	Until       time.Time `json:"until,omitzero"` // if it ended
	Why         string    `json:"why,omitempty"`
	Do          string    `json:"do,omitempty"`
}

func (n *Notice) subject() subject {
	return subject{load.Feed{ProjectID: n.ProjectID, Environment: n.Environment}, n.Schedule}
}

// shownInFull is the maximum number of notices in the text, and of reports, in case
// everything fails at once. The JSON has all of them.
const shownInFull = 5

// newMessage contains the notices and reports that a channel has not delivered; nil: none.
func newMessage(sender, channel string, s *state, now time.Time) *Message {
	due, reports := []Notice{}, s.dueReports(channel)
	for _, i := range s.Incidents {
		if i.due(channel, now) {
			due = append(due, i.notice())
		}
	}
	if len(due)+len(reports) == 0 {
		return nil
	}
	slices.SortStableFunc(due, func(a, b Notice) int { return a.rank() - b.rank() })
	return worded(sender, due, reports...)
}

// worded creates a message from notices and reports.
func worded(sender string, notices []Notice, reports ...Report) *Message {
	m := &Message{Sender: sender, Incidents: notices, Reports: reports}
	var b strings.Builder
	b.WriteString(m.headline() + " (" + sender + ")")
	for _, notice := range m.Incidents[:min(len(m.Incidents), shownInFull)] {
		b.WriteString("\n\n" + notice.text())
	}
	if more := len(m.Incidents) - shownInFull; more > 0 {
		fmt.Fprintf(&b, "\n\nAnd %d more: `convsync status` shows the state of each project.", more)
	}
	for i := range reports[:min(len(reports), shownInFull)] {
		b.WriteString("\n\n" + reports[i].text())
	}
	if more := len(reports) - shownInFull; more > 0 {
		fmt.Fprintf(&b, "\n\nAnd %s.", plural.Count(int64(more), "more report"))
	}
	m.Text = b.String()
	return m
}

func (i *incident) notice() Notice {
	n := Notice{
		Kind:        i.Kind,
		Schedule:    i.Schedule,
		ProjectID:   i.ProjectID,
		Environment: i.Environment,
		Since:       i.Since,
	}
	if i.Open {
		n.State, n.What, n.Why, n.Do = StateOpen, i.What, i.Why, advice[i.Kind]
		return n
	}
	n.State, n.Until, n.What = StateRecovered, i.Ended, recovery(i)
	return n
}

// count returns the numbers of problems and recoveries.
func (m *Message) count() (problems, recoveries int) {
	for i := range m.Incidents {
		if m.Incidents[i].State == StateOpen {
			problems++
		}
	}
	return problems, len(m.Incidents) - problems
}

// headline is the text that previews show. It starts with the first problem and
// its reason. If there is none, it is a report.
func (m *Message) headline() string {
	if len(m.Incidents) == 0 {
		return m.Reports[0].headline()
	}
	problems, recoveries := m.count()
	text := m.Incidents[0].headline()
	switch {
	case problems == 0 && recoveries == 2:
		text += " 1 more problem is resolved."
	case problems == 0 && recoveries > 2:
		text += " " + plural.Count(int64(recoveries-1), "more problem") + " are resolved."
	case problems > 1:
		text += " " + plural.Count(int64(problems-1), "more problem") + "."
	}
	switch {
	case problems > 0 && recoveries == 1:
		text += " 1 problem is resolved."
	case problems > 0 && recoveries > 1:
		text += " " + plural.Count(int64(recoveries), "problem") + " are resolved."
	}
	return text
}

// headline is the notice in one sentence.
func (n *Notice) headline() string {
	if n.State == StateRecovered {
		return n.What
	}
	why := pipeline.Brief(n.Why)
	switch name := n.ProjectID + " (" + n.Environment + ")"; {
	case n.Kind == kindProject && pipeline.NeedsConfirmation(n.Why):
		return name + " needs confirmation: " + why + "."
	case n.Kind == kindProject:
		return name + " is failing: " + why + "."
	case n.Kind == kindRun, n.Kind == kindDestination, n.Kind == kindReport:
		return strings.TrimSuffix(n.What, ".") + ": " + why + "."
	}
	return n.What
}

// rank sorts problems before recoveries, and failing projects first.
func (n *Notice) rank() int {
	switch {
	case n.State == StateRecovered:
		return 2
	case n.Kind == kindProject:
		return 0
	}
	return 1
}

func (n *Notice) text() string {
	if n.State == StateRecovered {
		return fmt.Sprintf("%s\nThe problem lasted %s, since %s.", n.What, length(n.Until.Sub(n.Since)), n.Since.Format(shownTime))
	}
	return fmt.Sprintf("%s\nSince: %s\nWhy: %s\nWhat to do: %s", n.What, n.Since.Format(shownTime), n.Why, n.Do)
}

// slackMarks are escaped as Slack requires. Otherwise the text of an error could
// mention a whole channel.
var slackMarks = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// body encodes the message in a format of the webhook.
func (m *Message) body(format string) []byte {
	var v any = m
	if format == FormatSlack {
		v = struct {
			Text string `json:"text"`
		}{slackMarks.Replace(m.Text)}
	}
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and times between the years 0 and 9999 always marshal
	}
	return body
}
