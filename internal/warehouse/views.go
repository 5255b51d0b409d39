package warehouse

import (
	_ "embed"
	"strings"
)

// A view's columns are declared here, and what it selects stands in a file
// beside them: the embedded SQL takes it as it is, a migration repeats it, and
// a test holds the two together.

//go:embed views/freshness.sql
var freshness string

// Views describes every view for analysts, under one name in both destinations.
func Views() []Spec {
	return []Spec{freshnessView()}
}

func freshnessView() Spec {
	percentile := func(name, share, seen string) ColumnSpec {
		doc := share + " of 100 were " + seen + " within this time of their start: the upper bound of a bucket. NULL when none was counted."
		return ColumnSpec{Name: name, Type: TypeFloat, Nullable: true, Unit: "s", Doc: doc, Source: "sync_lateness"}
	}
	return Spec{
		Name: "freshness", Doc: "How fresh each feed is: one row a project and environment that was read, also in part. A percentile that is later than all buckets is 292 years.", Key: []string{"project_id", "environment"},
		Columns: []ColumnSpec{
			{Name: "project_id", Type: TypeText, Doc: "The project."},
			{Name: "environment", Type: TypeText, Doc: "The environment."},
			{Name: "newest_started_at", Type: TypeTimestamp, Nullable: true, Doc: "Start of the newest conversation, without those that are missing at the source; NULL when there is none.", Source: "conversations"},
			{Name: "covered_until", Type: TypeTimestamp, Nullable: true, Doc: "The watermark: everything that started before it has been read; NULL when nothing has.", Source: "sync_watermarks"},
			{Name: "arrivals", Type: TypeInteger, Doc: "Conversations whose arrival was counted.", Source: "sync_lateness"},
			percentile("arrival_p50_seconds", "50", "first seen"),
			percentile("arrival_p95_seconds", "95", "first seen"),
			percentile("arrival_p99_seconds", "99", "first seen"),
			{Name: "finals", Type: TypeInteger, Doc: "Conversations whose end was counted.", Source: "sync_lateness"},
			percentile("final_p50_seconds", "50", "first seen ended"),
			percentile("final_p95_seconds", "95", "first seen ended"),
			percentile("final_p99_seconds", "99", "first seen ended"),
			{Name: "open_conversations", Type: TypeInteger, Doc: "Conversations on the worklist: seen in progress, to be read again.", Source: "open_conversations"},
		},
		Select: strings.TrimSpace(freshness),
	}
}
