package warehouse

import "slices"

const (
	dailyKPIs         = "daily_kpis"
	variantComparison = "variant_comparison"
	latencyHourly     = "latency_hourly"
)

// The columns that aggregated views share.

func grouped(variants bool) []ColumnSpec {
	columns := columnsOf(Conversations.Spec(), "project_id", "environment", "channel_family")
	if variants {
		columns = append(columns, columnsOf(Conversations.Spec(), "variant_id", "variant_name")...)
	}
	return append(columns, computed("started_at", TypeTimestamp, "Start of the earliest conversation of the row."))
}

func localDay() ColumnSpec {
	return computed("day", TypeDate, "Local day on which the conversations started, in the time zone of the project (UTC if it has none).")
}

func count(name, doc string) ColumnSpec { return computed(name, TypeInteger, doc) }

func rate(name, part, whole string) ColumnSpec {
	return orNull(name, TypeFloat, part+" / "+whole+"; NULL if "+whole+" is 0.")
}

// dailyView is daily_kpis, or variant_comparison with the same columns by variant.
func dailyView(variants bool) Spec {
	s := Spec{
		Name:    dailyKPIs,
		Doc:     "One row per project, environment, channel family and local day. Sum numerators and denominators to combine rows; percentiles cannot be combined.",
		Key:     []string{"project_id", "environment", "channel_family", "day"},
		Columns: slices.Concat(grouped(variants), dayColumns(), outcomeColumns(), durationColumns(), turnColumns(), latencyColumns()),
	}
	if variants {
		s.Name = variantComparison
		s.Doc = "The columns of daily_kpis by variant. Variants are often sites or lines: differences need not come from the agent. A variant that is renamed during a day has two rows."
		s.Key = []string{"project_id", "environment", "channel_family", "day", "variant_id", "variant_name"}
	}
	return s
}

func dayColumns() []ColumnSpec {
	return []ColumnSpec{
		localDay(),
		computed("is_complete", TypeBool, "Whether the whole day is covered, and the watermark is later than its end by the arrival_p99_seconds of freshness (0 if none is measured)."),
		count("conversations", "Number of conversations, including open ones, without those that are missing at the source."),
		count("finished", "Those that ended (lifecycle final). All other columns about outcomes and durations count only these."),
	}
}

func outcomeColumns() []ColumnSpec {
	return []ColumnSpec{
		count("handoffs", "Those with a handoff."),
		count("handoff_known", "Those of which the source says whether they were handed off."),
		rate("handoff_rate", "handoffs", "handoff_known"),
		count("contained", "Those without a handoff, including early abandons: handoff_known - handoffs."),
		rate("containment_rate", "contained", "handoff_known"),
		count("early_abandons", "Those without a handoff, and with fewer than 2 user turns or a duration below 10 s."),
		count("early_known", "Those of which this is known: unknown are, for example, conversations of 10 s or more with a hidden transcript."),
		rate("early_abandon_rate", "early_abandons", "early_known"),
		orNull("contained_no_callback", TypeInteger, "Those without a handoff, not abandoned early, and without another contact of the same customer within 24 hours. NULL until the 24 hours after the day are covered."),
		count("callback_known", "Those with a customer number of which handoff and early abandon are known."),
		orNull("contained_no_callback_rate", TypeFloat, "contained_no_callback / callback_known; NULL if that is 0, or until the 24 hours after the day are covered."),
	}
}

func durationColumns() []ColumnSpec {
	return []ColumnSpec{
		count("duration_known", "Those with a total duration of 0 to 10,000,000 s."),
		computed("total_seconds", TypeFloat, "Sum of these durations."),
		orNull("avg_total_seconds", TypeFloat, "total_seconds / duration_known: PolyAI's handle time. NULL if duration_known is 0."),
		count("agent_duration_known", "Those with a polyai_duration_seconds of 0 to 10,000,000 s."),
		computed("agent_seconds", TypeFloat, "Sum of these durations: the time that the agent handled."),
		orNull("avg_agent_seconds", TypeFloat, "agent_seconds / agent_duration_known; NULL if agent_duration_known is 0."),
	}
}

func turnColumns() []ColumnSpec {
	return []ColumnSpec{
		count("turns", "Number of stored turns of all conversations, also of open ones."),
		count("user_turns", "Turns with user input or pressed keys."),
		count("silent_turns", "Turns in which the user was silent."),
		count("silence_known_turns", "Turns of which the source says whether the user was silent."),
		rate("silence_rate", "silent_turns", "silence_known_turns"),
		count("ood_turns", "Turns that were out of domain."),
		count("ood_known_turns", "Turns of which the source says whether they were out of domain."),
		rate("ood_rate", "ood_turns", "ood_known_turns"),
	}
}

func latencyColumns() []ColumnSpec {
	return []ColumnSpec{
		count("latency_turns", "Turns with a latency."),
		orNull("latency_p50_seconds", TypeFloat, "50th percentile of these latencies, nearest rank. NULL if there is none."),
		orNull("latency_p95_seconds", TypeFloat, "95th percentile, nearest rank."),
		count("latency_to_500ms", "Turns with a latency of at most 0.5 s. The seven counts do not overlap: their sum is latency_turns."),
		count("latency_to_1s", "Above 0.5 s, at most 1 s."),
		count("latency_to_1500ms", "Above 1 s, at most 1.5 s."),
		count("latency_to_2s", "Above 1.5 s, at most 2 s."),
		count("latency_to_3s", "Above 2 s, at most 3 s."),
		count("latency_to_5s", "Above 3 s, at most 5 s."),
		count("latency_over_5s", "Above 5 s."),
	}
}

func latencyHourlyView() Spec {
	percentile := func(name, doc string) ColumnSpec { return orNull(name, TypeFloat, doc) }
	return Spec{
		Name: latencyHourly,
		Doc:  "One row per project, environment, channel family, variant and local hour. The hour that repeats in autumn has one row for both.",
		Key:  []string{"project_id", "environment", "channel_family", "variant_id", "variant_name", "local_hour"},
		Columns: append(grouped(true),
			computed("local_hour", TypeLocalTime, "Local hour in which the conversations started, in the time zone of the project (UTC if it has none)."),
			count("conversations", "Number of conversations, including open ones."),
			count("handoffs", "Ended conversations with a handoff."),
			count("handoff_known", "Ended conversations of which the source says whether they were handed off."),
			count("turns", "Turns with a latency."),
			percentile("p50_seconds", "50th percentile of these latencies, nearest rank. NULL if there is none."),
			percentile("p90_seconds", "90th percentile."),
			percentile("p95_seconds", "95th percentile."),
			percentile("p99_seconds", "99th percentile."),
			percentile("max_seconds", "The highest latency."),
		),
	}
}

func handoffReasonsView() Spec {
	return Spec{
		Name: "handoff_reasons",
		Doc:  "Number of ended conversations with a handoff, per project, environment, channel family, variant, local day, reason and destination.",
		Key:  []string{"project_id", "environment", "channel_family", "variant_id", "variant_name", "day", "handoff_reason", "handoff_destination"},
		Columns: slices.Concat(grouped(true), []ColumnSpec{localDay()},
			columnsOf(Conversations.Spec(), "handoff_reason", "handoff_destination"),
			[]ColumnSpec{count("handoffs", "Number of ended conversations with this handoff.")}),
	}
}

func metricDailyView() Spec {
	return Spec{
		Name: "metric_daily",
		Doc:  "One row per project, environment, channel family, local day of the conversation and metric, also of open conversations.",
		Key:  []string{"project_id", "environment", "channel_family", "day", "name"},
		Columns: append(grouped(false), localDay(),
			computed("name", TypeText, "Name of the metric."),
			count("conversations", "Number of conversations that have the metric."),
			count("entries", "Number of its values: a list has one per element."),
			count("given", "Values that are not NULL."),
			count("true_values", "Values that are true."),
			count("boolean_values", "Values that are true or false."),
			rate("true_rate", "true_values", "boolean_values"),
			count("numeric_values", "Values that are numbers from -1,000,000,000 to 1,000,000,000."),
			orNull("numeric_average", TypeFloat, "Average of these numbers, each rounded to 6 decimals. NULL if there is none."),
		),
	}
}
