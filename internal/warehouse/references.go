package warehouse

import "slices"

// Reference declares that each row of a table or view has a row in another table, with
// equal values in the columns. In Postgres it is no foreign key: a conversation and its
// parts change together, and a check per row would cost time.
type Reference struct {
	From, To string
	Columns  []string // the same names on both sides; one row of To has them
}

// Referenced returns the references from and to tables and views for analysts.
func Referenced() []Reference {
	conversation := []string{"project_id", "conversation_id", "started_at"}
	turn := append(slices.Clone(conversation), "turn_index")
	project := []string{"project_id"}
	var all []Reference
	refer := func(to string, columns []string, from ...string) {
		for _, f := range from {
			all = append(all, Reference{From: f, To: to, Columns: columns})
		}
	}
	refer(Projects.Name, project, Conversations.Name, SyncCoverage.Name, SyncWatermarks.Name, SyncLateness.Name, OpenConversations.Name)
	refer(Conversations.Name, conversation, Turns.Name, Metrics.Name, AudioReferences.Name, "contacts", "callbacks", "transcript_gaps")
	refer(Turns.Name, turn, Entities.Name, "utterances", "latency_turns")
	refer(Projects.Name, project, "freshness", dailyKPIs, variantComparison, latencyHourly, "handoff_reasons", "metric_daily")
	return all
}
