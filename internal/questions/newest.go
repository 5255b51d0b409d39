package questions

import (
	"context"
	"time"

	"convsync/internal/answer"
	"convsync/internal/coverage"
)

// Newest are the newest local days that are stored, at midnight in UTC. They are zero if
// nothing was read.
type Newest struct {
	Complete time.Time // the day after the last complete one, see [coverage.LastComplete]
	Stored   time.Time // the day after the last one of which something was read
}

const newestSQL = `SELECT f.project_id, f.environment, f.covered_until, f.arrival_p99_seconds, p.time_zone, r.covered_from, r.covered_until AS read_until
FROM freshness AS f
LEFT JOIN projects AS p ON p.project_id = f.project_id
LEFT JOIN sync_coverage AS r ON r.project_id = f.project_id AND r.environment = f.environment
WHERE f.covered_until IS NOT NULL AND $project IN ('all', f.project_id) AND $environment IN ('all', f.environment)
ORDER BY f.project_id, f.environment, r.covered_from`

// ReadNewest reads the newest days of a project and an environment; "" or all: of any.
func ReadNewest(ctx context.Context, source answer.Source, project, environment string) (newest Newest, err error) {
	params := map[string]string{Project: orAll(project), Environment: orAll(environment)}
	_, rows, err := answer.Read(ctx, source, answer.Statement{SQL: newestSQL, Params: params})
	if err != nil {
		return newest, err
	}
	feeds := feedsOf(rows)
	return Newest{Complete: coverage.LastComplete(feeds), Stored: coverage.LastRead(feeds)}, nil
}

func orAll(name string) string {
	if name == "" {
		return "all"
	}
	return name
}

// feedsOf returns the feeds of rows of newestSQL, which has a row for each range.
func feedsOf(rows [][]any) (feeds []*coverage.Feed) {
	var last [2]any
	for _, row := range rows {
		if id := [2]any{row[0], row[1]}; len(feeds) == 0 || id != last {
			last = id
			f := &coverage.Feed{}
			f.Watermark, _ = row[2].(time.Time)
			f.LatenessSeconds, _ = row[3].(float64)
			zone, _ := row[4].(string)
			f.Zone = coverage.Zone(zone)
			feeds = append(feeds, f)
		}
		from, known := row[5].(time.Time)
		if until, _ := row[6].(time.Time); known {
			f := feeds[len(feeds)-1]
			f.Read = append(f.Read, coverage.Range{From: from, Until: until})
		}
	}
	return feeds
}
