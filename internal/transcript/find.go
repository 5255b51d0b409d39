package transcript

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"convsync/internal/answer"
)

// stored selects a conversation with its parts, a row for each. A row as JSON has the
// same form in both engines, except for times. The join with the projects lets Postgres
// use the key, which starts with the project; the start lets both skip months.
const stored = `WITH c AS MATERIALIZED (
    SELECT k.project_id, k.environment, k.conversation_id, p.time_zone, k.started_at, k.finished_at, k.total_duration_seconds, k.polyai_duration_seconds,
        k.channel_family, k.direction, k.variant_id, k.variant_name, k.deployment_id, k.language, k.customer_number, k.lifecycle, k.transcript_status,
        k.num_turns, k.turns_loaded, k.missing_since, k.updated_at, k.handoff, k.handoff_reason, k.handoff_destination,
        k.latency_p50_seconds, k.latency_p95_seconds, k.latency_max_seconds, k.poly_score, k.summary_heading, k.summary, k.tags, k.note
    FROM projects AS p
    JOIN conversations AS k ON k.project_id = p.project_id
    WHERE k.conversation_id = $id AND ($project = '' OR k.project_id = $project)
), t AS (
    SELECT c.project_id, x.turn_index, x.user_input_at, x.user_input, x.translated_user_input, x.user_input_dtmf, x.user_language,
        x.is_silence, x.barge_in, x.is_ood, x.intents, x.latency_seconds, x.latency_label,
        x.agent_response_at, x.agent_response, x.english_agent_response, x.agent_language
    FROM c
    JOIN turns AS x ON x.project_id = c.project_id AND x.conversation_id = c.conversation_id AND x.started_at = c.started_at
    WHERE x.conversation_id = $id
), e AS (
    SELECT c.project_id, x.turn_index, x.name, x.ordinal, x.value
    FROM c
    JOIN turn_entities AS x ON x.project_id = c.project_id AND x.conversation_id = c.conversation_id AND x.started_at = c.started_at
    WHERE x.conversation_id = $id
), m AS (
    SELECT c.project_id, x.name, x.ordinal, x.value
    FROM c
    JOIN conversation_metrics AS x ON x.project_id = c.project_id AND x.conversation_id = c.conversation_id AND x.started_at = c.started_at
    WHERE x.conversation_id = $id
)
SELECT 'conversation' AS part, project_id, CAST(to_json(c) AS text) AS data FROM c
UNION ALL SELECT 'turn', project_id, CAST(to_json(t) AS text) FROM t
UNION ALL SELECT 'entity', project_id, CAST(to_json(e) AS text) FROM e
UNION ALL SELECT 'metric', project_id, CAST(to_json(m) AS text) FROM m`

// Find reads a conversation. project is "" if the id alone identifies it. The error is
// an [*AmbiguousError] or a [*NotFoundError] if it does not identify one.
func Find(ctx context.Context, source answer.Source, id, project string) (*Transcript, error) {
	// A lake whose log of ids is damaged finds it only without the hint.
	for _, only := range []string{id, ""} {
		rows, err := ask(ctx, source, answer.Statement{SQL: stored, Params: map[string]string{"id": id, "project": project}, Conversation: only})
		if err != nil {
			return nil, err
		}
		if len(rows) > 0 {
			return assemble(id, rows)
		}
	}
	return nil, explainMissing(ctx, source, id, project)
}

// ask returns all rows of a statement.
func ask(ctx context.Context, source answer.Source, s answer.Statement) (all [][]any, err error) {
	rows, err := source.Ask(ctx, s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for {
		row, err := rows.Next(ctx)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, row)
	}
}

// assemble makes a transcript of the rows of stored.
func assemble(id string, rows [][]any) (*Transcript, error) {
	t := &Transcript{Turns: []Turn{}, Metrics: []Metric{}}
	var projects []string
	var entities []Entity
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
		}
		if err != nil { // its text would have what was said
			return nil, fmt.Errorf("a row of the conversation cannot be read: a %s has an unexpected form", part)
		}
	}
	if len(projects) > 1 {
		slices.Sort(projects)
		return nil, &AmbiguousError{ID: id, Projects: projects}
	}
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
