package deploy

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"convsync/internal/warehouse"
)

// checkAnalyst checks that the role of analyst.sql reads exactly what is declared for
// analysts, also after an upgrade that replaces views and adds a month.
func checkAnalyst(t *testing.T, database string, upgrade func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	reads := func() {
		t.Helper()
		for _, s := range append(warehouse.Specs(), warehouse.Views(warehouse.Postgres)...) {
			_, err := conn.Exec(t.Context(), "SELECT "+strings.Join(s.Names(), ", ")+" FROM polyai."+s.Name+" LIMIT 1")
			if may := err == nil; may != (s.For == warehouse.ForAnalysts) || !may && !strings.Contains(err.Error(), "SQLSTATE 42501") {
				t.Errorf("%s, which is for %s: %v", s.Name, s.For, err)
			}
		}
		if _, err := conn.Exec(t.Context(), "SELECT started_at FROM conversation_keys LIMIT 1"); err != nil {
			t.Error(err)
		}
	}
	reads()
	upgrade()
	reads()
	if _, err := conn.Exec(t.Context(), "SELECT count(*) FROM turns WHERE started_at >= '2031-01-01'"); err != nil {
		t.Errorf("a new month: %v", err)
	}
	forbid(t, database, "SELECT version_id FROM polyai.goose_db_version", "INSERT INTO polyai.projects DEFAULT VALUES", "DELETE FROM polyai.turns",
		"UPDATE polyai.sync_watermarks SET watermark = now()", "CREATE TABLE polyai.x ()", "CREATE TABLE public.x ()", "DROP VIEW polyai.contacts",
		"SELECT pg_read_file('/etc/passwd')", "COPY polyai.projects TO PROGRAM 'cat'", "SET ROLE convsync")
	checkRecipes(t, conn, database)
}

// recipe returns the block of a language below a heading of docs/analysts/connect.md.
func recipe(t *testing.T, heading, language string) string {
	t.Helper()
	pattern := regexp.MustCompile("(?s)\n## " + heading + "\n.*?\n```" + language + "\n(.*?)```")
	found := pattern.FindStringSubmatch(read(t, "docs/analysts/connect.md"))
	if found == nil {
		t.Fatalf("docs/analysts/connect.md has no %s for %s", language, heading)
	}
	return found[1]
}

// checkRecipes runs what docs/analysts/connect.md tells users of psql and Grafana to write.
func checkRecipes(t *testing.T, conn *pgx.Conn, database string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-e")
	cmd.Stdin = strings.NewReader(recipe(t, "psql", "sh"))
	cmd.Env = append(os.Environ(), "DATABASE_URL="+database, "PAGER=cat")
	out, err := cmd.CombinedOutput()
	for _, want := range []string{"daily_kpis", "For analysts. One row per conversation", "containment_rate"} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("psql: no %q: %v\n%s", want, err, out)
			break
		}
	}
	rows, err := conn.Query(t.Context(), plain(t, recipe(t, "Grafana", "sql")))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if !rows.Next() || rows.FieldDescriptions()[0].Name != "time" {
		t.Errorf("Grafana: no row, or no time: %v", rows.Err())
	}
}
