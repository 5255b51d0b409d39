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
	"convsync/internal/warehouse"
)

// beQuiet is --quiet: no progress, and a log of errors only, unless its level was
// asked for.
func (a *app) beQuiet(levelIsSet bool) error {
	a.quiet = true
	if levelIsSet {
		return nil
	}
	a.logLevel = "error"
	return a.startLog()
}

// statusLists is where a summary sends who wants to know more of drift.
const statusLists = " (`convsync status` lists them)"

// printReport prints the result of a run.
func (a *app) printReport(output string, r *pipeline.Report) error {
	switch {
	case output == "json":
		return json.NewEncoder(a.stdout).Encode(newRunOutput(r))
	case !a.quiet || r.Status != warehouse.RunSucceeded:
		printSummary(a.stdout, r, statusLists)
	}
	return nil
}

// printSummary says in three lines what a run did, how far the data is, and what
// needs attention; listed is where that is listed.
func printSummary(w io.Writer, r *pipeline.Report, listed string) {
	fmt.Fprintf(w, "%s in %s: %s; %s", r.Status, r.FinishedAt.Sub(r.StartedAt).Round(100*time.Millisecond), whatWasRead(r), counted(r.Requests, "request"))
	switch {
	case r.Retries == 1:
		fmt.Fprint(w, ", 1 retry")
	case r.Retries > 1:
		fmt.Fprintf(w, ", %d retries", r.Retries)
	}
	fmt.Fprintf(w, "\n%s\n%s\n", howFarData(r.Projects), attention(r, listed))
}

// whatWasRead is what came of the conversations. During a first load, what is
// stored already was stored by the same run.
func whatWasRead(r *pipeline.Report) string {
	c := r.Conversations
	if c.Read == 0 && c.Rejected == 0 && r.Missing == 0 {
		return "no conversations read"
	}
	text := counted(c.Read, "conversation") + " read"
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

// howFarData says until when the data is complete: of several projects, the one
// that is furthest behind.
func howFarData(projects []pipeline.Project) string {
	if len(projects) == 0 {
		return "no project was read"
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

// attention is what a person should look at.
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
			text += ", and " + counted(int64(failed-1), "other project")
		}
		things = append(things, text)
	}
	if n := int64(len(r.Warnings)); n > 0 {
		things = append(things, counted(n, "warning")+" in the log")
	}
	switch {
	case r.Drift == 1:
		things = append(things, "1 unknown field or form"+listed)
	case r.Drift > 1:
		things = append(things, fmt.Sprintf("%d unknown fields or forms", r.Drift)+listed)
	}
	if len(things) > 0 {
		return "look at: " + oneLine(strings.Join(things, "; "))
	}
	if r.Status != warehouse.RunSucceeded {
		return "look at: the error below"
	}
	return "nothing needs attention"
}
