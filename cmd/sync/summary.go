package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"convsync/internal/pipeline"
	"convsync/internal/plural"
	"convsync/internal/recordings"
	"convsync/internal/warehouse"
)

// beQuiet implements --quiet: no progress, and a log of errors only, unless a
// level was given.
func (a *app) beQuiet(levelIsSet bool) error {
	a.quiet = true
	if levelIsSet {
		return nil
	}
	a.logLevel = "error"
	return a.startLog()
}

const allIsWell = "nothing needs attention"

// statusLists refers to the command that lists schema drift.
const statusLists = " (`convsync status` lists the fields)"

// printReport prints the result of a run, and of the work on recordings after it; nil:
// there was none.
func (a *app) printReport(output string, r *pipeline.Report, audio *recordings.Report) error {
	switch {
	case output == "json":
		return json.NewEncoder(a.stdout).Encode(newRunOutput(r, audio))
	case !a.quiet || r.Status != warehouse.RunSucceeded || audio != nil && audio.Incomplete():
		var text strings.Builder
		printSummary(&text, r, statusLists)
		said := text.String()
		if audio != nil && audio.Incomplete() { // what needs attention follows
			said = strings.TrimSuffix(said, allIsWell+"\n")
		}
		fmt.Fprint(a.hints(a.stdout), said)
		if audio != nil && isWorthPrinting(audio) {
			printRecordings(a.stdout, audio)
		}
	}
	return nil
}

// printSummary prints in three lines what a run did, until when the data is
// complete, and what needs attention. listed refers to the list of schema
// drift.
func printSummary(w io.Writer, r *pipeline.Report, listed string) {
	fmt.Fprintf(w, "%s in %s: %s; %s", r.Status, r.FinishedAt.Sub(r.StartedAt).Round(100*time.Millisecond), whatWasRead(r), plural.Count(r.Requests, "request"))
	switch {
	case r.Retries == 1:
		fmt.Fprint(w, ", 1 retry")
	case r.Retries > 1:
		fmt.Fprintf(w, ", %d retries", r.Retries)
	}
	fmt.Fprintf(w, "\n%s\n%s\n", howFarData(r), attention(r, listed))
}

// whatWasRead counts the conversations by result. During a first load, those
// that are stored already were stored by the same run.
func whatWasRead(r *pipeline.Report) string {
	c := r.Conversations
	if c.Read == 0 && c.Rejected == 0 && r.Missing == 0 {
		return "no conversations read"
	}
	text := plural.Count(c.Read, "conversation") + " read"
	switch {
	case c.Inserted == c.Read:
		text += ", all new"
	case r.FirstLoad && c.Updated == 0:
		text += fmt.Sprintf(", %d new", c.Inserted)
		if c.Unchanged > 0 {
			text += fmt.Sprintf(", %d read twice", c.Unchanged)
		}
	default:
		text += fmt.Sprintf(", %d new, %d changed, %d unchanged", c.Inserted, c.Updated, c.Unchanged)
	}
	if r.Missing > 0 {
		text += fmt.Sprintf(", %d no longer listed", r.Missing)
	}
	if c.Rejected > 0 {
		text += fmt.Sprintf(", %d rejected", c.Rejected)
	}
	return text
}

// howFarData returns until when the data is complete, if the destination could
// be read: the earliest time of all projects.
func howFarData(r *pipeline.Report) string {
	projects := r.Projects
	switch {
	case len(projects) == 0:
		return "no project was read"
	case r.StateKnown:
	case r.Error != nil && r.Error.Code == pipeline.CodeLocked:
		return "the destination was not read, because another run writes one of the projects"
	case r.Error != nil && r.Error.Code == pipeline.CodeInterrupted:
		return "the destination was not read, because the run was interrupted"
	default:
		return "the destination could not be read, so it is not known until when the data is complete"
	}
	behind, open := &projects[0], 0
	for i := range projects {
		p := &projects[i]
		open += p.Open
		if p.Watermark == nil || behind.Watermark != nil && p.Watermark.Before(*behind.Watermark) {
			behind = p
		}
	}
	until := "not complete yet"
	if behind.Watermark != nil {
		until = "complete until " + behind.Watermark.Format(time.RFC3339)
	}
	if len(projects) == 1 {
		return fmt.Sprintf("%s: %s, %d open", feedName(behind), until, open)
	}
	return fmt.Sprintf("%d feeds: %s (%s is furthest behind), %d open", len(projects), until, feedName(behind), open)
}

func feedName(p *pipeline.Project) string {
	return fmt.Sprintf("%s (%s)", p.ProjectID, p.Environment)
}

// attention lists what needs attention.
func attention(r *pipeline.Report, listed string) string {
	var things []string
	var first *pipeline.FeedError
	failed := 0
	for _, err := range r.Errors {
		var feed *pipeline.FeedError
		if errors.As(err, &feed) {
			failed++
			first = cmp.Or(first, feed)
		}
	}
	if first != nil {
		name := fmt.Sprintf("project %s (%s): ", first.ProjectID, first.Environment)
		text := name + pipeline.Brief(strings.TrimPrefix(first.Error(), name))
		if hint := pipeline.FailureOf(first.Err).Hint; hint != "" {
			text += " (" + hint + ")"
		}
		if failed > 1 {
			text += ", and " + plural.Count(int64(failed-1), "other project")
		}
		things = append(things, text)
	}
	if n := int64(len(r.Warnings)); n > 0 {
		things = append(things, plural.Count(n, "warning")+" in the log")
	}
	switch {
	case r.Drift == 1:
		things = append(things, "1 occurrence of schema drift"+listed)
	case r.Drift > 1:
		things = append(things, fmt.Sprintf("%d occurrences of schema drift", r.Drift)+listed)
	}
	if len(things) > 0 {
		return "attention: " + oneLine(strings.Join(things, "; "))
	}
	if r.Status != warehouse.RunSucceeded {
		return "attention: see the error below"
	}
	return allIsWell
}
