package main

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// readersLake is a lake for outside readers, and its source.
type readersLake struct {
	path, config string
	simulator    *simulate.Simulator
	projects     []simulate.Project
	now          time.Time // the source's clock stands still
}

// newReadersLake configures two projects with a number of conversations in thin
// months, and one with dense ones. Ids of two projects are not what a reader expects
// in the name of a folder. The last conversations start a day before now, so that all
// are visible.
func newReadersLake(t *testing.T, now time.Time, d simulate.Deviations, thin, dense int) *readersLake {
	t.Helper()
	l := &readersLake{path: inFolder(t, "a lake"), config: filepath.Join(t.TempDir(), "convsync.yaml"), now: now}
	for _, p := range []struct {
		id          string
		days, count int
	}{{"été+a=b'c", 150, thin}, {"007", 70, thin}, {"acme-team-4", 20, dense}} {
		l.projects = append(l.projects, simulate.Project{
			AccountID:    "acme-uk",
			ID:           p.id,
			From:         now.AddDate(0, 0, -p.days),
			To:           now.AddDate(0, 0, -1),
			TurnsMean:    5,
			Environments: []simulate.Environment{{Name: "live", Conversations: p.count}},
		})
	}
	var err error
	l.simulator, err = simulate.New(simulate.Options{Seed: 7, Deviations: d, Now: func() time.Time { return now }, Projects: l.projects})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(l.simulator)
	t.Cleanup(server.Close)
	var ids []string
	for i := range l.projects {
		ids = append(ids, fmt.Sprintf("{ id: %q }", l.projects[i].ID))
	}
	writeFile(t, l.config, fmt.Sprintf("source: { base_url: %q, account_id: acme-uk, api_key: made-up-key, projects: [%s] }\ndestination: { %s }\nsync: { start: %s }\n",
		server.URL, strings.Join(ids, ", "), into(l.path), now.AddDate(0, 0, -151).Format(time.DateOnly)))
	return l
}

// expectation has the rows and columns of a correct lake, as JSON for the readers' scripts.
type expectation struct {
	Rows    map[string]map[string]int    `json:"rows"`    // of each table and project
	Columns map[string]map[string]string `json:"columns"` // types by the data dictionary
	Day     dayExpectation               `json:"day"`
}

// dayExpectation has the rows of one UTC day.
type dayExpectation struct {
	Since time.Time                 `json:"since"`
	Until time.Time                 `json:"until"`
	Rows  map[string]map[string]int `json:"rows"`
}

// expected returns what the simulator says.
func (l *readersLake) expected() expectation {
	since := l.now.Truncate(24*time.Hour).AddDate(0, 0, -5)
	e := expectation{
		Rows:    map[string]map[string]int{},
		Columns: map[string]map[string]string{},
		Day:     dayExpectation{Since: since, Until: since.AddDate(0, 0, 1), Rows: map[string]map[string]int{}},
	}
	for _, table := range conversationTables() {
		e.Rows[table.Name], e.Day.Rows[table.Name], e.Columns[table.Name] = map[string]int{}, map[string]int{}, map[string]string{}
		for _, c := range table.Columns {
			e.Columns[table.Name][c.Name] = c.Type.String()
		}
	}
	for i := range l.projects {
		id := l.projects[i].ID
		for truth := range l.simulator.Truth(id, "live", l.now) {
			started := truth.Conversation["started_at"].(time.Time)
			for table, rows := range map[string]int{
				"conversations": 1, "turns": len(truth.Turns), "turn_entities": len(truth.Entities), "conversation_metrics": len(truth.Metrics),
				"audio_references": map[bool]int{true: 1}[truth.Conversation["channel_family"] == "voice"],
			} {
				e.Rows[table][id] += rows
				if !started.Before(e.Day.Since) && started.Before(e.Day.Until) {
					e.Day.Rows[table][id] += rows
				}
			}
		}
	}
	return e
}

// conversationTables are the tables whose files are named by project and days.
func conversationTables() (tables []warehouse.Spec) {
	named := append(slices.Sorted(maps.Keys(compared)), "audio_references")
	for _, table := range warehouse.Specs() {
		if slices.Contains(named, table.Name) {
			tables = append(tables, table)
		}
	}
	return tables
}

// change makes the next run write the files of some conversations again, with the
// same numbers of rows.
func (l *readersLake) change(t *testing.T, round int) {
	t.Helper()
	for i := range l.projects {
		p := &l.projects[i]
		index := round * 7 % p.Environments[0].Conversations
		if err := l.simulator.Override(p.ID, "live", index, simulate.Override{Note: fmt.Sprintf("note %d", round)}); err != nil {
			t.Fatal(err)
		}
	}
}

// runDays reads the days from some days before now, even if they are covered.
func (l *readersLake) runDays(t *testing.T, before, days int) {
	t.Helper()
	from := l.now.AddDate(0, 0, -before)
	convsync(t, nil, "run", "--config", l.config, "--output", "json", "--log-level", "error",
		"--from", from.Format(time.DateOnly), "--to", from.AddDate(0, 0, days).Format(time.DateOnly)).want(t, exitOK)
}
