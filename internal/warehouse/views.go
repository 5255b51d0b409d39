package warehouse

import (
	"strings"
	"time"
)

// The columns of a view are declared here, its SELECT is a template in views/. The
// embedded SQL and the Postgres loader (declare.go) use that file directly: a migration
// never contains a view.

// Views describes all views, with their SELECT in a dialect, each after the views that
// it reads. They have the same names and columns in both destinations.
func Views(d Dialect) []Spec {
	specs := []Spec{
		freshnessView(), dailyView(false), dailyView(true), latencyHourlyView(), handoffReasonsView(), metricDailyView(),
		contactsView(), callbacksView(), utterancesView(), latencyTurnsView(), transcriptGapsView(),
	}
	for i := range specs {
		specs[i].For = ForAnalysts
		specs[i].Select = selectOf(specs[i].Name, fragments{dialect: d})
	}
	return specs
}

// Range is a half-open range of starts of conversations, in whole seconds.
type Range struct{ From, Until time.Time }

// SelectWithin returns the SELECT of an aggregated view, of contacts or of latency_turns, over the
// conversations of a range, so that only their months are read: the view computes over
// all conversations before it filters. Rows of the first and the last day of a range are whole only if it begins
// and ends at local midnight.
func SelectWithin(d Dialect, view string, within Range) string {
	return selectOf(view, fragments{dialect: d, within: within})
}

// SelectSums is SelectWithin for daily_kpis or variant_comparison without percentiles,
// which are NULL: they cannot be summed, and take half of the time.
func SelectSums(d Dialect, view string, within Range) string {
	return selectOf(view, fragments{dialect: d, within: within, OnlySums: true})
}

func selectOf(view string, f fragments) string {
	if f.ByVariant = view == variantComparison; f.ByVariant {
		view = dailyKPIs
	}
	return renderView(view, f)
}

// columnsOf returns columns of a table, for a view that has them unchanged.
func columnsOf(table Spec, names ...string) []ColumnSpec {
	columns := make([]ColumnSpec, 0, len(names))
	for _, i := range table.Find(names...) {
		c := table.Columns[i]
		columns = append(columns, ColumnSpec{
			Name:     c.Name,
			Type:     c.Type,
			Nullable: c.Nullable,
			Unit:     c.Unit,
			Doc:      c.Doc,
			Source:   table.Name,
			Values:   c.Values,
		})
	}
	return columns
}

// computed is a column that a view computes. Its unit follows from the name.
func computed(name string, t Type, doc string) ColumnSpec {
	c := ColumnSpec{Name: name, Type: t, Doc: doc}
	if strings.HasSuffix(name, "_seconds") {
		c.Unit = "s"
	}
	return c
}

// orNull is a computed column that may be NULL.
func orNull(name string, t Type, doc string) ColumnSpec {
	c := computed(name, t, doc)
	c.Nullable = true
	return c
}

// oneOf is a column that has only these values, and NULL if it is nullable.
func oneOf(c ColumnSpec, values ...string) ColumnSpec {
	c.Values = values
	return c
}

func freshnessView() Spec {
	percentile := func(name, share, seen string) ColumnSpec {
		doc := "Time from the start within which " + share + "% of the conversations were " + seen + ": the upper bound of a bucket. NULL if none was counted."
		return ColumnSpec{
			Name:     name,
			Type:     TypeFloat,
			Nullable: true,
			Unit:     "s",
			Doc:      doc,
			Source:   "sync_lateness",
		}
	}
	return Spec{
		Name: "freshness",
		Doc:  "Freshness of each feed: one row per project and environment that was read, completely or in part. A percentile beyond the last bucket is reported as 9223372036 seconds (292 years).",
		Key:  []string{"project_id", "environment"},
		Columns: []ColumnSpec{
			{Name: "project_id", Type: TypeText, Doc: "The project."},
			{Name: "environment", Type: TypeText, Doc: "The environment."},
			{
				Name:     "newest_started_at",
				Type:     TypeTimestamp,
				Nullable: true,
				Doc:      "Start of the newest conversation, excluding those that are missing at the source; NULL if there is none.",
				Source:   "conversations",
			},
			{
				Name:     "covered_until",
				Type:     TypeTimestamp,
				Nullable: true,
				Doc:      "The watermark: everything that started before this time was read; NULL if nothing was.",
				Source:   "sync_watermarks",
			},
			{Name: "arrivals", Type: TypeInteger, Doc: "Number of conversations behind the arrival percentiles.", Source: "sync_lateness"},
			percentile("arrival_p50_seconds", "50", "first read"),
			percentile("arrival_p95_seconds", "95", "first read"),
			percentile("arrival_p99_seconds", "99", "first read"),
			{Name: "finals", Type: TypeInteger, Doc: "Number of conversations behind the final percentiles.", Source: "sync_lateness"},
			percentile("final_p50_seconds", "50", "first read as ended"),
			percentile("final_p95_seconds", "95", "first read as ended"),
			percentile("final_p99_seconds", "99", "first read as ended"),
			{Name: "open_conversations", Type: TypeInteger, Doc: "Number of conversations in the open-conversation queue.", Source: "open_conversations"},
		},
	}
}
