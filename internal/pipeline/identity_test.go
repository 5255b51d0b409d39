package pipeline

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/warehouse"
)

// formed is a source that returns each project with one form of its id, whichever is
// requested; "": none.
type formed struct{ answers map[string]string }

func (s formed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", end.Format(http.TimeFormat))
	asked := strings.Split(r.URL.Path, "/")[3]
	c := map[string]any{"id": "CA1", "started_at": begin.AddDate(0, 0, 1).Format("2006-01-02T15:04:05Z")}
	if id := s.answers[asked]; id != "" {
		c["project_id"] = id
	}
	text, _ := json.Marshal(map[string]any{"conversations": []any{c}})
	fmt.Fprintf(w, "%s", text)
}

func project(id, name, other string) warehouse.Project {
	return warehouse.Project{
		ProjectID: id,
		Name:      name,
		AccountID: "acme-uk",
		Region:    "uk",
		TimeZone:  "UTC",
		OtherID:   warehouse.Text(other),
	}
}

const slug, prefixed = "acme-team-4", "PROJECT-58RP822I"

func TestOtherForm(t *testing.T) {
	t.Parallel()
	both := map[string]string{slug: prefixed, prefixed: prefixed}
	for name, c := range map[string]struct {
		answers    map[string]string
		stored     []warehouse.Project
		configured []warehouse.Project
		refused    string // the project that is
		hint       string
		requests   bool   // of the one that is refused
		learned    string // of the first that is configured
	}{
		"Learned":          {both, nil, []warehouse.Project{project(slug, slug, "")}, "", "", false, prefixed},
		"LearnedBySlug":    {map[string]string{prefixed: slug}, nil, []warehouse.Project{project(prefixed, prefixed, "")}, "", "", false, slug},
		"SameForm":         {both, nil, []warehouse.Project{project(prefixed, prefixed, "")}, "", "", false, ""},
		"NoneIsAnswered":   {nil, nil, []warehouse.Project{project(slug, slug, "")}, "", "", false, ""},
		"StoredAndLearned": {both, []warehouse.Project{project(slug, slug, prefixed)}, []warehouse.Project{project(prefixed, prefixed, "")}, prefixed, "{id: PROJECT-58RP822I, as: acme-team-4}", false, ""},
		"StoredNotLearned": {both, []warehouse.Project{project(prefixed, prefixed, "")}, []warehouse.Project{project(slug, slug, "")}, slug, "{id: acme-team-4, as: PROJECT-58RP822I}", true, ""},
		"StoredAsAnother":  {both, []warehouse.Project{project("team", slug, prefixed)}, []warehouse.Project{project(prefixed, prefixed, "")}, prefixed, "as: team}", false, ""},
		"BothConfigured":   {both, nil, []warehouse.Project{project(slug, slug, ""), project(prefixed, prefixed, "")}, slug, "as: PROJECT-58RP822I}", true, ""},
		"AsHinted":         {both, []warehouse.Project{project(slug, slug, prefixed)}, []warehouse.Project{project(slug, prefixed, "")}, "", "", false, ""},
		"AsAnother":        {both, []warehouse.Project{project(slug, slug, prefixed)}, []warehouse.Project{project("copy", prefixed, "")}, "", "", false, ""},
		"RenamedAtSource":  {both, []warehouse.Project{project("acme-old", "acme-old", prefixed)}, []warehouse.Project{project(slug, slug, "")}, slug, "as: acme-old}", true, ""},
		"OtherProjects":    {map[string]string{slug: prefixed, "acme-team-5": "PROJECT-2"}, []warehouse.Project{project("acme-team-5", "acme-team-5", "PROJECT-2")}, []warehouse.Project{project(slug, slug, "")}, "", "", false, prefixed},
		"SlugElsewhere":    {map[string]string{prefixed: slug}, []warehouse.Project{{ProjectID: slug, Name: slug, AccountID: "acme-us", Region: "uk"}}, []warehouse.Project{project(prefixed, prefixed, "")}, "", "", false, slug},
		"StoredStaysRight": {both, []warehouse.Project{project(slug, slug, prefixed)}, []warehouse.Project{project(slug, slug, ""), project(prefixed, prefixed, "")}, prefixed, "as: acme-team-4}", false, ""},
		"AccountsOtherForm": {both, []warehouse.Project{{
			ProjectID: slug,
			Name:      slug,
			AccountID: "ws-1",
			Region:    "uk",
			OtherID:   prefixed,
		}}, []warehouse.Project{project(prefixed, prefixed, "")}, prefixed, "as: acme-team-4}", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newFake()
			for _, p := range c.stored {
				d.Edit(func(d *memory.Data) { d.Projects = append(d.Projects, p) })
			}
			report, asked := runProjects(t, d, formed{c.answers}, c.configured)
			said := fmt.Sprint(report.Errors)
			if c.refused == "" != (report.Status == warehouse.RunSucceeded) || !strings.Contains(said, c.hint) {
				t.Errorf("%s: %s", report.Status, said)
			}
			if c.refused != "" && asked[c.refused] != c.requests {
				t.Errorf("requests of %s: %t", c.refused, asked[c.refused])
			}
			for _, b := range d.batches {
				if b.Feed.ProjectID == c.refused {
					t.Errorf("%s is refused, and was loaded", c.refused)
				}
			}
			learned := ""
			for _, st := range d.windows {
				if st.Feed.ProjectID == c.configured[0].ProjectID {
					learned = st.OtherID
				}
			}
			if learned != c.learned {
				t.Errorf("learned %q, want %q", learned, c.learned)
			}
		})
	}
}

// runProjects executes a run over projects of one source, and returns which of them
// were requested.
func runProjects(t *testing.T, d *fake, source http.Handler, projects []warehouse.Project) (report *Report, asked map[string]bool) {
	t.Helper()
	asked = map[string]bool{}
	o := options(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		asked[strings.Split(r.URL.Path, "/")[3]] = true
		d.mu.Unlock()
		source.ServeHTTP(w, r)
	}), d, at(end))
	first := o.Feeds[0]
	o.Feeds = nil
	for _, p := range projects {
		f := first
		f.ProjectID, f.Transform.ProjectID, f.Transform.StoreAs = p.ProjectID, p.Name, p.ProjectID
		reader := *first.Reader
		reader.ProjectID = p.Name
		f.Reader = &reader
		o.Feeds = append(o.Feeds, f)
		o.Projects = append(o.Projects, load.Project{Project: p})
	}
	report, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return report, asked
}
