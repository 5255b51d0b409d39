package transcript

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"convsync/internal/answer"
)

// stored selects a conversation with its parts, a row for each. A row as JSON has the
// same form in both engines, except for times.
const stored = `WITH c AS (
    SELECT x.project_id, x.environment, x.conversation_id, x.started_at, x.finished_at, x.total_duration_seconds, x.polyai_duration_seconds,
        x.channel_family, x.direction, x.variant_id, x.variant_name, x.deployment_id, x.language, x.customer_number, x.lifecycle, x.transcript_status,
        x.num_turns, x.turns_loaded, x.missing_since, x.updated_at, x.handoff, x.handoff_reason, x.handoff_destination,
        x.latency_p50_seconds, x.latency_p95_seconds, x.latency_max_seconds, x.poly_score, x.summary_heading, x.summary, x.tags, x.note
    FROM conversations AS x WHERE WHICH
), t AS (
    SELECT x.project_id, x.turn_index, x.user_input_at, x.user_input, x.translated_user_input, x.user_input_dtmf, x.user_language,
        x.is_silence, x.barge_in, x.is_ood, x.intents, x.latency_seconds, x.latency_label,
        x.agent_response_at, x.agent_response, x.english_agent_response, x.agent_language
    FROM turns AS x WHERE WHICH
), e AS (
    SELECT x.project_id, x.turn_index, x.name, x.ordinal, x.value FROM turn_entities AS x WHERE WHICH
), m AS (
    SELECT x.project_id, x.name, x.ordinal, x.value FROM conversation_metrics AS x WHERE WHICH
)
SELECT 'conversation' AS part, project_id, CAST(to_json(c) AS text) AS data FROM c
UNION ALL SELECT 'turn', project_id, CAST(to_json(t) AS text) FROM t
UNION ALL SELECT 'entity', project_id, CAST(to_json(e) AS text) FROM e
UNION ALL SELECT 'metric', project_id, CAST(to_json(m) AS text) FROM m
UNION ALL SELECT 'zone', project_id, time_zone FROM projects`

// Find reads a conversation. project is "" if the id alone identifies it. The error is
// an [*AmbiguousError] or a [*NotFoundError] if it does not identify one.
func Find(ctx context.Context, source answer.Source, id, project string) (*Transcript, error) {
	if !utf8.ValidString(id+project) || strings.ContainsRune(id+project, 0) { // no destination stores these
		return nil, &NotFoundError{ID: id}
	}
	// Again, because it may move between two statements, and because a lake whose log of
	// ids is damaged finds it only without the hint.
	for _, only := range []string{id, ""} {
		s := answer.Statement{
			SQL:          strings.ReplaceAll(stored, "WHICH", "x.conversation_id = $id AND ($project = '' OR x.project_id = $project)"),
			Params:       map[string]string{"id": id, "project": project},
			Conversation: only,
		}
		if source.Dialect() == "postgres" {
			if err := locate(ctx, source, &s); err != nil {
				return nil, err
			}
		}
		_, rows, err := answer.Read(ctx, source, s)
		if err != nil {
			return nil, err
		}
		if t, err := assemble(id, rows); t != nil || err != nil {
			return t, err
		}
	}
	return nil, explainMissing(ctx, source, id, project)
}

// places selects the projects and starts of an id in Postgres, by the key of a table
// that has no months. OFFSET lets it look up each project instead of scanning the table.
const places = `SELECT p.project_id, k.started_at FROM projects AS p
CROSS JOIN LATERAL (SELECT k.started_at FROM conversation_keys AS k WHERE k.project_id = p.project_id AND k.conversation_id = $id OFFSET 0) AS k
WHERE $project = '' OR p.project_id = $project ORDER BY 1`

// locate adds the project and the start to a statement, so that Postgres uses the key,
// and plans and reads one month of each table.
func locate(ctx context.Context, source answer.Source, s *answer.Statement) error {
	_, rows, err := answer.Read(ctx, source, answer.Statement{SQL: places, Params: s.Params})
	if err != nil || len(rows) == 0 {
		return err
	}
	if len(rows) > 1 {
		e := &AmbiguousError{ID: s.Params["id"]}
		for _, row := range rows {
			project, _ := row[0].(string)
			e.Projects = append(e.Projects, project)
		}
		return e
	}
	project, _ := rows[0][0].(string)
	started, _ := rows[0][1].(time.Time)
	s.SQL = strings.ReplaceAll(stored, "WHICH", "x.project_id = $project AND x.conversation_id = $id AND x.started_at = $started")
	s.Params = map[string]string{"id": s.Params["id"], "project": project, "started": started.UTC().Format(time.RFC3339Nano)}
	return nil
}

// assemble makes a transcript of the rows of stored; nil if they have no conversation.
func assemble(id string, rows [][]any) (*Transcript, error) {
	t := &Transcript{Turns: []Turn{}, Metrics: []Metric{}}
	var projects []string
	var entities []Entity
	zones := map[string]string{}
	for _, row := range rows {
		part, _ := row[0].(string)
		project, _ := row[1].(string)
		data, _ := row[2].(string)
		var err error
		switch part {
		case "conversation":
			projects = append(projects, project)
			err = json.Unmarshal([]byte(data), t)
		case "turn":
			err = appendJSON(&t.Turns, data)
		case "entity":
			var e struct {
				Entity
				TurnIndex int64 `json:"turn_index"`
			}
			err = json.Unmarshal([]byte(data), &e)
			e.Entity.TurnIndex = e.TurnIndex
			entities = append(entities, e.Entity)
		case "metric":
			err = appendJSON(&t.Metrics, data)
		case "zone":
			zones[project] = data
		}
		if err != nil { // its text would have what was said
			return nil, fmt.Errorf("a row of the conversation cannot be read: a %s has an unexpected form", part)
		}
	}
	if len(projects) == 0 {
		return nil, nil
	}
	if len(projects) > 1 {
		slices.Sort(projects)
		return nil, &AmbiguousError{ID: id, Projects: projects}
	}
	t.TimeZone = cmp.Or(zones[t.ProjectID], "UTC")
	t.order(entities)
	t.addNotes()
	return t, nil
}

func appendJSON[T any](list *[]T, data string) error {
	var v T
	err := json.Unmarshal([]byte(data), &v)
	*list = append(*list, v)
	return err
}

// order sorts the parts, and adds the entities to their turns.
func (t *Transcript) order(entities []Entity) {
	slices.SortFunc(t.Turns, func(a, b Turn) int { return cmp.Compare(a.TurnIndex, b.TurnIndex) })
	slices.SortFunc(t.Metrics, func(a, b Metric) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Ordinal, b.Ordinal))
	})
	slices.SortFunc(entities, func(a, b Entity) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Ordinal, b.Ordinal))
	})
	for _, e := range entities {
		at, ok := slices.BinarySearchFunc(t.Turns, e.TurnIndex, func(x Turn, index int64) int { return cmp.Compare(x.TurnIndex, index) })
		if ok {
			t.Turns[at].Entities = append(t.Turns[at].Entities, e)
		}
	}
}
