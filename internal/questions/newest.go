package questions

import (
	"context"
	"time"

	"convsync/internal/answer"
)

// Newest are the newest local days that are stored, at midnight in UTC. They are zero if
// nothing was read.
type Newest struct {
	// Complete is the day after the last one that is complete: the watermark is later
	// than its end by the p99 lateness of arrivals, as is_complete of daily_kpis demands.
	Complete time.Time
	// Stored is the day after that of the watermark.
	Stored time.Time
}

// mostLateness limits the lateness that is waited for. Where conversations arrive even
// later, no recent day is complete, and questions are about the newest ones.
const mostLateness = 7 * 24 * time.Hour

const newestSQL = `SELECT f.covered_until, f.arrival_p99_seconds, p.time_zone
FROM freshness AS f
LEFT JOIN projects AS p ON p.project_id = f.project_id
WHERE f.covered_until IS NOT NULL AND $project IN ('all', f.project_id) AND $environment IN ('all', f.environment)`

// ReadNewest reads the newest days of a project and an environment; "" or all: of any. If
// there are several, those of the newest one count.
func ReadNewest(ctx context.Context, source answer.Source, project, environment string) (newest Newest, err error) {
	params := map[string]string{Project: orAll(project), Environment: orAll(environment)}
	_, rows, err := answer.Read(ctx, source, answer.Statement{SQL: newestSQL, Params: params})
	for _, row := range rows {
		watermark, _ := row[0].(time.Time)
		lateness, _ := row[1].(float64)
		zone, _ := row[2].(string)
		newest.add(watermark, lateness, zone)
	}
	return newest, err
}

func orAll(name string) string {
	if name == "" {
		return "all"
	}
	return name
}

// add adds a feed.
func (n *Newest) add(watermark time.Time, lateness float64, zone string) {
	place, err := time.LoadLocation(zone)
	if err != nil {
		place = time.UTC
	}
	complete := watermark
	if lateness <= mostLateness.Seconds() {
		complete = watermark.Add(-time.Duration(lateness * float64(time.Second)))
	}
	n.Complete = later(n.Complete, localDay(complete, place))
	n.Stored = later(n.Stored, localDay(watermark.Add(-time.Microsecond), place).AddDate(0, 0, 1))
}

func localDay(at time.Time, place *time.Location) time.Time {
	year, month, day := at.In(place).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
