//go:build dbt

package main

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

// dbt runs the package with a target of its profiles.yml. `make dbt` installs dbt.
type dbt struct {
	target, folder string // folder: what dbt has parsed, and marts.duckdb
	environment    []string
}

func (d *dbt) run(t *testing.T, args ...string) (output string, err error) {
	t.Helper()
	program, err := filepath.Abs("../../bin/dbt/bin/dbt")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, append(args, "--no-use-colors", "--target", d.target, "--target-path", d.folder, "--log-path", d.folder)...)
	cmd.Dir = "../../dbt"
	cmd.Env = append(append(os.Environ(), "CONVSYNC_MARTS="+filepath.Join(d.folder, "marts.duckdb")), d.environment...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// succeed runs dbt, which must not even warn.
func (d *dbt) succeed(t *testing.T, args ...string) {
	t.Helper()
	if out, err := d.run(t, args...); err != nil || !strings.Contains(out, "WARN=0 ERROR=0 SKIP=0") || strings.Contains(out, "deprecat") {
		t.Fatalf("dbt %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// fail runs dbt, which must fail with a message.
func (d *dbt) fail(t *testing.T, message string, args ...string) {
	t.Helper()
	if out, err := d.run(t, args...); err == nil || !strings.Contains(out, message) {
		t.Errorf("dbt %s: no %q: %v\n%s", strings.Join(args, " "), message, err, out)
	}
}

// connection returns the variables of profiles.yml.
func connection(t *testing.T, database string) (variables []string) {
	t.Helper()
	pgtest.With(t, database, func(u *url.URL) {
		password, _ := u.User.Password()
		variables = []string{
			"PGHOST=" + u.Hostname(), "PGPORT=" + u.Port(), "PGUSER=" + u.User.Username(), "PGPASSWORD=" + password,
			"PGDATABASE=" + strings.TrimPrefix(u.Path, "/"),
		}
	})
	return variables
}

// TestDBT builds the dbt package over a lake and over a database, with its tests, and
// compares each row of each mart with the view of the same name.
func TestDBT(t *testing.T) {
	t.Parallel()
	lake, database, _ := analystsDestinations(t, 240)
	asAnalyst := analysts(t, database)
	t.Run("Lake", func(t *testing.T) {
		t.Parallel()
		d := dbt{"lake", t.TempDir(), []string{"CONVSYNC_LAKE=" + lake}}
		d.succeed(t, "build")
		d.fail(t, "ERROR STALE freshness of convsync.sync_watermarks", "source", "freshness") // the lake ends in June
		built, views := openMarts(t, d.folder), openViews(t, lake, "Europe/London")
		for _, view := range warehouse.Views(warehouse.DuckDB) {
			statement := "SELECT " + strings.Join(view.Names(), ", ") + " FROM "
			sameMart(t, &view, askViews(t, built, statement+"analytics."+view.Name), askViews(t, views, statement+view.Name))
		}
	})
	t.Run("Postgres", func(t *testing.T) {
		t.Parallel()
		d := dbt{"postgres", t.TempDir(), connection(t, asAnalyst)}
		d.succeed(t, "build")
		d.environment = append(d.environment, "CONVSYNC_SCHEMA=analytics") // dbt would replace the views of convsync
		d.fail(t, "the schema analytics is that of convsync", "run", "--select", "freshness")
		conn, err := pgx.Connect(t.Context(), database)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.WithoutCancel(t.Context()))
		for _, view := range warehouse.Views(warehouse.Postgres) {
			statement := "SELECT " + strings.Join(view.Names(), ", ") + " FROM "
			sameMart(t, &view, askSession(t, conn, statement+"analytics."+view.Name), askSession(t, conn, statement+"polyai."+view.Name))
		}
	})
}

// TestDBT_NoFiles builds the marts of a lake that has no file yet.
func TestDBT_NoFiles(t *testing.T) {
	t.Parallel()
	d := dbt{"lake", t.TempDir(), []string{"CONVSYNC_LAKE=" + t.TempDir()}}
	d.succeed(t, "run")
	if rows := askViews(t, openMarts(t, d.folder), "SELECT count(*) FROM analytics.contacts"); rows[0][0] != int64(0) {
		t.Errorf("contacts has %v rows", rows[0][0])
	}
}

// openMarts opens the database that dbt wrote into a folder.
func openMarts(t *testing.T, folder string) *sql.DB {
	t.Helper()
	db, err := sql.Open("duckdb", filepath.Join(folder, "marts.duckdb")+"?access_mode=read_only")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func sameMart(t *testing.T, view *warehouse.Spec, mart, want [][]any) {
	t.Helper()
	a, b := rowTexts(view.Columns, mart), rowTexts(view.Columns, want)
	if len(b) == 0 || !slices.Equal(a, b) {
		t.Errorf("%s: the mart has %d rows, the view %d; differences:\n%s\n%s", view.Name, len(a), len(b), extra(a, b), extra(b, a))
	}
}
