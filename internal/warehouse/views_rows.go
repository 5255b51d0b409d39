package warehouse

import "slices"

const outcomeDoc = "contained: ended without a handoff, and not abandoned early; handed_off; abandoned_early: ended without a handoff, and with fewer than 2 user turns or after less than 10 s; open: in progress, or in progress for longer than the age limit. " +
	"NULL: it ended, and whether it was handed off or abandoned is unknown. An open conversation is never contained."

// Outcomes are the values of outcome in the view contacts, except NULL.
var Outcomes = []string{"contained", "handed_off", "abandoned_early", "open"}

func contactsView() Spec {
	c := Conversations.Spec()
	local := func(name string, t Type, doc string) ColumnSpec {
		col := computed(name, t, doc)
		col.Source = "started_at, projects.time_zone"
		return col
	}
	return Spec{
		Name: "contacts",
		Doc:  "One row per conversation, ready for charts: local time, outcome, its end, and whether the customer made contact again.",
		Key:  []string{"project_id", "conversation_id"},
		Columns: slices.Concat(
			columnsOf(c, "project_id", "environment", "conversation_id", "started_at"),
			[]ColumnSpec{
				local("local_started_at", TypeLocalTime, "Start in the time zone of the project (UTC if it has none)."),
				local("day", TypeDate, "Local day of the start."),
				local("hour", TypeInteger, "Local hour of the start, 0 to 23."),
				local("weekday", TypeInteger, "Local weekday of the start: 1 (Monday) to 7 (Sunday)."),
			},
			columnsOf(c, "channel_family", "direction", "variant_id", "variant_name", "deployment_id", "language", "customer_number", "total_duration_seconds"),
			[]ColumnSpec{
				computed("turns", TypeInteger, "Number of stored turns."),
				orNull("user_turns", TypeInteger, "Number of turns with user input or pressed keys. NULL if the transcript is hidden or short and fewer than 2 of them are stored."),
			},
			columnsOf(c, "transcript_status", "handoff_reason", "handoff_destination", "poly_score"),
			[]ColumnSpec{
				oneOf(orNull("outcome", TypeText, outcomeDoc), Outcomes...),
				oneOf(orNull("last_speaker", TypeText, "user or agent: the speaker of the last utterance. NULL if none is stored."), "user", "agent"),
				orNull("last_user_utterance", TypeText, "The last user input."),
				orNull("last_agent_utterance", TypeText, "The last agent response."),
				computed("silent_turns_at_end", TypeInteger, "Number of silent turns after the last turn that is not silent, or of which that is unknown."),
				orNull("next_started_at", TypeTimestamp, "Start of the next contact of the same customer (same project, environment and number), within 30 days. NULL if there was none, or if the number is unknown."),
				orNull("repeat_within_24h", TypeBool, "Whether the same customer made contact again within 24 hours. NULL if the number is unknown, or until these 24 hours were read: a rate of what is known earlier would count only repeats."),
				orNull("repeat_within_7d", TypeBool, "The same within 7 days (168 hours)."),
			},
		),
	}
}

func callbacksView() Spec {
	c := Conversations.Spec()
	return Spec{
		Name: "callbacks",
		Doc:  "One row per conversation after which the same customer (same project, environment and number) made contact again within 30 days. Two contacts with the same start are not each other's next.",
		Key:  []string{"project_id", "conversation_id"},
		Columns: append(columnsOf(c, "project_id", "environment", "conversation_id", "started_at", "customer_number"),
			computed("next_conversation_id", TypeText, "The next contact."),
			computed("next_started_at", TypeTimestamp, "When the next contact started."),
			computed("gap_seconds", TypeFloat, "Time from the start of the contact to the start of the next one."),
			oneOf(orNull("outcome", TypeText, outcomeDoc), Outcomes...),
			oneOf(orNull("next_outcome", TypeText, "Outcome of the next contact."), Outcomes...),
		),
	}
}

func utterancesView() Spec {
	c, t := Conversations.Spec(), Turns.Spec()
	return Spec{
		Name: "utterances",
		Doc:  "One row per utterance: what a user or an agent said in a turn.",
		Key:  []string{"project_id", "conversation_id", "turn_index", "part"},
		Columns: slices.Concat(
			columnsOf(t, "project_id"), columnsOf(c, "environment"), columnsOf(t, "conversation_id", "started_at", "turn_index"),
			[]ColumnSpec{
				computed("part", TypeInteger, "Position in the turn: 0 user, 1 agent."),
				oneOf(computed("speaker", TypeText, "user or agent."), "user", "agent"),
				orNull("spoken_at", TypeTimestamp, "When it was said: user_input_at or agent_response_at."),
				computed("text", TypeText, "What was said."),
				orNull("english_text", TypeText, "The same in English, if the source translated it."),
				orNull("language", TypeText, "Language of the utterance."),
			},
		),
	}
}

func latencyTurnsView() Spec {
	c, t := Conversations.Spec(), Turns.Spec()
	hour := computed("local_hour", TypeLocalTime, "Local hour in which the conversation started.")
	hour.Source = "conversations, projects.time_zone"
	return Spec{
		Name: "latency_turns",
		Doc:  "One row per turn with a latency, with the variant and the deployment that answered.",
		Key:  []string{"project_id", "conversation_id", "turn_index"},
		Columns: slices.Concat(
			columnsOf(t, "project_id"), columnsOf(c, "environment"),
			columnsOf(t, "conversation_id", "started_at", "turn_index", "user_input_at", "agent_response_at"),
			[]ColumnSpec{computed("latency_seconds", TypeFloat, "Response latency, as the source reports it.")},
			columnsOf(t, "response_gap_seconds", "barge_in"),
			columnsOf(c, "channel_family", "variant_id", "variant_name", "deployment_id"),
			[]ColumnSpec{hour},
		),
	}
}

func transcriptGapsView() Spec {
	return Spec{
		Name: "transcript_gaps",
		Doc:  "Conversations that ended and whose transcript is not complete, and why.",
		Key:  []string{"project_id", "conversation_id"},
		Columns: append(
			columnsOf(Conversations.Spec(), "project_id", "environment", "conversation_id", "started_at", "channel_family", "transcript_status", "num_turns", "turns_loaded"),
			computed("reason", TypeText, "What the transcript lacks."),
		),
	}
}
