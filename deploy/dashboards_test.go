package deploy

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load/pgtest"
)

// dashboard has the keys of Grafana that our dashboards use; any other key is refused,
// and so is a misspelt one.
type dashboard struct {
	UID, Title, Description, Refresh, Timezone string
	Tags                                       []string
	SchemaVersion, Version                     int
	Editable                                   bool
	Time                                       struct{ From, To string }
	Templating                                 struct{ List []variable }
	Annotations                                struct{ List []any }
	Links                                      []any
	Panels                                     []panel
}

type variable struct {
	Name, Label, Type, Query string
	Datasource               datasource
	Refresh, Sort            int
	Multi, IncludeAll        bool
	Current                  any
}

type datasource struct{ Type, UID string }

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ X, Y, W, H int }
	Datasource               datasource
	FieldConfig              struct {
		Defaults struct {
			Unit               string
			Custom, Thresholds map[string]any
			Color              struct{ Mode string }
			Mappings           []any
		}
		Overrides []any
	}
	Options map[string]any
	Targets []target
}

type target struct {
	RefID, EditorMode, Format, RawSQL, Expr, LegendFormat string
	Datasource                                            datasource
	RawQuery, Instant, Range                              bool
}

var dashboardNames = []string{"agents", "operations"}

func readDashboard(t *testing.T, name string) (d dashboard) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(read(t, "deploy/grafana/dashboards/"+name+".json")))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return d
}

// units are the Grafana unit ids in use. Grafana shows any other as text.
var units = strings.Fields("none short percentunit s dateTimeFromNow cpm reqps Bps wps bytes")

// TestEveryPanelSaysWhatItShows checks that panels have a title, a unit and a
// description, do not overlap or leave the grid, and query a provisioned data
// source.
func TestEveryPanelSaysWhatItShows(t *testing.T) {
	t.Parallel()
	sources := map[datasource]bool{}
	for _, s := range at(documents(t, "deploy/grafana/provisioning/datasources/convsync.yaml")[0], "datasources").([]any) {
		sources[datasource{at(s, "type").(string), at(s, "uid").(string)}] = true
	}
	uids := map[string]bool{}
	for _, name := range dashboardNames {
		d := readDashboard(t, name)
		if d.UID == "" || d.Title == "" || d.Description == "" || uids[d.UID] {
			t.Errorf("%s: no title, no description, or the uid %q twice", name, d.UID)
		}
		uids[d.UID] = true
		for _, v := range d.Templating.List {
			if !sources[v.Datasource] {
				t.Errorf("%s, $%s: the data source %v is not provisioned", name, v.Name, v.Datasource)
			}
		}
		ids, taken := map[int]bool{}, map[[2]int]string{}
		for _, p := range d.Panels {
			if p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 || ids[p.ID] {
				t.Errorf("%s, panel %d %q: no title, unit, description or query, or its id twice", name, p.ID, p.Title)
			}
			ids[p.ID] = true
			if !slices.Contains(units, p.FieldConfig.Defaults.Unit) {
				t.Errorf("%s, %q: Grafana has no unit %q", name, p.Title, p.FieldConfig.Defaults.Unit)
			}
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
						t.Fatalf("%s: %q lies on %q, or beyond the edge", name, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
			for _, q := range p.Targets {
				if !sources[q.Datasource] {
					t.Errorf("%s, %q: the data source %v is not provisioned", name, p.Title, q.Datasource)
				}
			}
		}
	}
}

var (
	timeFilter = regexp.MustCompile(`\$__timeFilter\(([a-z_.]+)\)`)
	anyMacro   = regexp.MustCompile(`\$\w+`)
)

// plain is a query with Grafana's macros replaced as Grafana does.
func plain(t *testing.T, query string) string {
	t.Helper()
	query = timeFilter.ReplaceAllString(query, "$1 BETWEEN now() - interval '14 days' AND now()")
	query = strings.ReplaceAll(query, "$project", "'acme-team-4'")
	if left := anyMacro.FindString(query); left != "" {
		t.Errorf("the macro %s is not known to this test", left)
	}
	return query
}

// grafana gives a role the rights that Grafana has in a loaded database, and
// connects with it.
func grafana(t *testing.T, database string) *pgx.Conn {
	t.Helper()
	withRole, role := pgtest.Role(t, database)
	pgtest.Exec(t, database, regexp.MustCompile(`(TO|FROM) grafana\b`).ReplaceAllString(read(t, "deploy/postgres/grants.sql"), "$1 "+role))
	conn, err := pgx.Connect(t.Context(), withRole)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// TestEveryQueryOfTheDashboardsAnswers runs them with Grafana's rights on what
// the program loaded: each must have rows, and say something.
func TestEveryQueryOfTheDashboardsAnswers(t *testing.T) {
	t.Parallel()
	database := loaded(t)
	conn := grafana(t, database)
	asked := 0
	ask := func(title, query string, series bool) {
		asked++
		rows, err := conn.Query(t.Context(), plain(t, query))
		if err != nil {
			t.Errorf("%s: %v", title, err)
			return
		}
		if series && rows.FieldDescriptions()[0].Name != "time" {
			t.Errorf("%s: a time series begins with the column time", title)
		}
		if !rows.Next() {
			t.Errorf("%s: no rows: %v", title, rows.Err())
		}
		if values, err := rows.Values(); err == nil && values[0] == nil {
			t.Errorf("%s: the answer is NULL", title)
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			t.Errorf("%s: %v", title, err)
		}
	}
	for _, name := range dashboardNames {
		d := readDashboard(t, name)
		for _, v := range d.Templating.List {
			if v.Datasource.UID == "convsync-postgres" {
				ask("$"+v.Name, v.Query, false)
			}
		}
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				if q.RawSQL != "" {
					ask(p.Title, q.RawSQL, q.Format == "time_series")
				}
			}
		}
	}
	if asked < 10 {
		t.Errorf("only %d queries found", asked)
	}
}

// TestGrafanaSeesNoTranscriptAndWritesNothing tries what an opener of a
// dashboard could send to the data source.
func TestGrafanaSeesNoTranscriptAndWritesNothing(t *testing.T) {
	t.Parallel()
	database := loaded(t)
	conn := grafana(t, database)
	for _, forbidden := range []string{
		"SELECT user_input FROM polyai.turns", "SELECT agent_response FROM polyai.turns", "SELECT * FROM polyai.turns",
		"SELECT from_number FROM polyai.conversations", "SELECT customer_number FROM polyai.conversations",
		"SELECT handoff_destination FROM polyai.conversations",
		"SELECT summary FROM polyai.conversations", "SELECT state FROM polyai.conversations", "SELECT extra FROM polyai.conversations",
		"SELECT value FROM polyai.turn_entities", "SELECT payload FROM polyai.rejects", "SELECT url FROM polyai.audio_references",
		"DELETE FROM polyai.conversations", "UPDATE polyai.sync_watermarks SET watermark = now()", "CREATE TABLE polyai.x ()",
	} {
		if _, err := conn.Exec(t.Context(), forbidden); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%s: %v", forbidden, err)
		}
	}
}
