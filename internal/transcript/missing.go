package transcript

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"convsync/internal/answer"
)

// traces selects what is known about an id of which no conversation is stored: that it
// was rejected, deleted or erased, and the ids that contain it.
const traces = `SELECT 'rejected' AS kind, project_id, reason AS detail, last_seen_at AS "at" FROM rejects
    WHERE conversation_id = $id AND ($project = '' OR project_id = $project)
UNION ALL
SELECT operation, project_id, conversation_id, "at" FROM changes
    WHERE conversation_id = $id AND ($project = '' OR project_id = $project)
UNION ALL
(SELECT 'like', project_id, conversation_id, started_at FROM conversations
    WHERE strpos(lower(conversation_id), lower($id)) > 0 LIMIT 4)`

// AmbiguousError reports that an id exists in several projects.
type AmbiguousError struct {
	ID       string
	Projects []string
}

// Error returns the projects.
func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("the conversation %s exists in several projects: %s", e.ID, strings.Join(e.Projects, ", "))
}

// NotFoundError reports that no conversation with an id is stored, and what is known
// about it.
type NotFoundError struct {
	ID      string
	Reasons []string // why it is not stored; none: it is not known
	Like    []string // ids that contain it
}

// Error returns the reasons.
func (e *NotFoundError) Error() string {
	lines := []string{"no conversation " + Shorten(e.ID) + " is stored"}
	lines = append(lines, e.Reasons...)
	if len(e.Like) > 0 {
		lines = append(lines, "ids that contain it: "+strings.Join(e.Like, ", "))
	}
	return strings.Join(lines, "\n")
}

// Shorten limits an id of a user to what an error can show.
func Shorten(id string) string {
	const longest = 80
	runes := []rune(id)
	if len(runes) <= longest {
		return id
	}
	return string(runes[:longest]) + fmt.Sprintf("… (%d characters)", len(runes))
}

// mostLike is the number of ids that an error lists.
const mostLike = 3

// explainMissing returns the error for an id that is not stored.
func explainMissing(ctx context.Context, source answer.Source, id, project string) error {
	e := &NotFoundError{ID: id}
	_, rows, err := answer.Read(ctx, source, answer.Statement{SQL: traces, Params: map[string]string{"id": id, "project": project}})
	if err != nil {
		return fmt.Errorf("%w; why it is not stored cannot be read: %w", e, err)
	}
	last := map[string]trace{} // by project: changes have several
	for _, row := range rows {
		kind, _ := row[0].(string)
		t := trace{kind: kind}
		t.project, _ = row[1].(string)
		t.detail, _ = row[2].(string)
		t.at, _ = row[3].(time.Time)
		switch {
		case kind == "like" && t.detail == id:
			e.Reasons = append(e.Reasons, "it is stored in the project "+t.project)
		case kind == "like" && len(e.Like) < mostLike:
			e.Like = append(e.Like, t.detail)
		case kind == "like":
			e.Like[mostLike-1] = "and more"
		case kind == "rejected":
			e.Reasons = append(e.Reasons, t.reason())
		case !t.at.Before(last[t.project].at):
			last[t.project] = t
		}
	}
	for _, t := range last {
		if reason := t.reason(); reason != "" {
			e.Reasons = append(e.Reasons, reason)
		}
	}
	slices.Sort(e.Reasons)
	return e
}

// trace is a row of traces.
type trace struct {
	kind, project, detail string
	at                    time.Time
}

// reason says why the conversation is not stored; "" if that does not follow.
func (t trace) reason() string {
	at := t.at.Format(time.RFC3339)
	switch t.kind {
	case "rejected":
		return fmt.Sprintf("it was rejected in the project %s, last on %s: %s (table rejects, `convsync status`)", t.project, at, t.detail)
	case "delete":
		return fmt.Sprintf("it was deleted from the project %s on %s: the source no longer listed it (sync.on_missing)", t.project, at)
	case "erase":
		return fmt.Sprintf("it was erased from the project %s on %s", t.project, at)
	case "expire":
		return fmt.Sprintf("it was removed from the project %s on %s, at the end of its retention", t.project, at)
	}
	return ""
}
