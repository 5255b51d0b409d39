package warehouse

import (
	"slices"
	"time"
)

// Postgres stores the figures of days that do not change any more, because it takes
// minutes to compute those of a year from millions of turns. A day is either in stale_days,
// and then views compute its figures from the conversations, or its figures are in the
// other two tables. Triggers (migrations) make a day stale in the transaction that changes
// a conversation on which its figures depend. So a view returns the same as its definition
// in [Views], whatever is stored.

// OffsetLimit is longer than the difference of any time zone from UTC, now or in the past.
const OffsetLimit = 16 * time.Hour

// The tables of stored figures.
const (
	staleDays     = "stale_days"
	dailyFigures  = "daily_figures"
	hourlyFigures = "hourly_figures"
)

// FigureTables describes the tables of stored figures. They are only in Postgres.
func FigureTables() []Spec {
	by := func(more ...ColumnSpec) []ColumnSpec {
		columns := columnsOf(Conversations.Spec(), "project_id", "environment", "channel_family")
		for _, name := range []string{"variant_id", "variant_name"} {
			columns = append(columns, computed(name, TypeText, "As in the view; empty instead of NULL."))
		}
		return append(columns, more...)
	}
	day := computed("day", TypeDate, "Local day.")
	daily := slices.Concat(by(computed("by_variant", TypeBool, "Whether the row is of variant_comparison, and not of daily_kpis."), day), sumColumns())
	hourly := latencyHourlyView()
	return []Spec{
		{
			Name:    staleDays,
			Doc:     "Days whose figures daily_kpis, variant_comparison and latency_hourly compute; those of all other days are stored. A run stores those of days before yesterday.",
			For:     ForConvsync,
			Key:     []string{"project_id", "day"},
			Columns: []ColumnSpec{columnsOf(Conversations.Spec(), "project_id")[0], day},
		},
		{
			Name:    dailyFigures,
			Doc:     "Figures of daily_kpis and variant_comparison of days that are not stale.",
			For:     ForConvsync,
			Key:     []string{"project_id", "day", "by_variant", "environment", "channel_family", "variant_id", "variant_name"},
			Columns: daily,
		},
		{
			Name:    hourlyFigures,
			Doc:     "Rows of latency_hourly of days that are not stale.",
			For:     ForConvsync,
			Key:     []string{"project_id", "local_hour", "environment", "channel_family", "variant_id", "variant_name"},
			Columns: by(hourly.Columns[hourly.Find("started_at")[0]:]...),
		},
	}
}

// sumColumns are the figures of a day that are stored: a view computes rates of them.
func sumColumns() []ColumnSpec {
	view := dailyView(false)
	columns := columnsOf(view, "started_at", "conversations", "finished", "handoffs", "handoff_known", "early_abandons", "early_known")
	columns = append(columns,
		count("contained_no_callback", "As in the view, also before the 24 hours after the day are covered."),
		columnsOf(view, "callback_known")[0],
		columnsOf(view, "duration_known")[0],
		computed("duration_micros", TypeFloat, "Sum of these durations, in microseconds."),
		columnsOf(view, "agent_duration_known")[0],
		computed("agent_micros", TypeFloat, "Sum of these durations, in microseconds."),
	)
	columns = append(columns, columnsOf(view, "latency_p50_seconds", "latency_p95_seconds")...)
	for _, n := range (fragments{}).TurnCounts() {
		columns = append(columns, columnsOf(view, n.Name)...)
	}
	return columns
}

// StoredViews are the [Views] in Postgres, which read stored figures.
func StoredViews() []Spec {
	views := Views(Postgres)
	for i := range views {
		if view := &views[i]; slices.Contains(figured, view.Name) {
			view.Select = selectOf(view.Name, fragments{dialect: Postgres, Stored: true})
		}
	}
	return views
}

// figured are the views of which figures are stored.
var figured = []string{dailyKPIs, variantComparison, latencyHourly}

// StoreFigures returns statements that store the figures of the days $2 to $3, as days
// since 1970, of the project $1. The range contains these days in the time zone of the
// project, and limits what is read.
func StoreFigures(within Range) []string {
	f := fragments{dialect: Postgres, within: within}
	byVariant := f
	byVariant.ByVariant = true
	return []string{f.render("store_daily"), byVariant.render("store_daily"), f.render("store_hourly")}
}
