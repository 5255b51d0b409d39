package main

import (
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"convsync/internal/load/pgtest"
	"convsync/internal/simulate"
)

// TestBadInputIsSaidWithTheFixAndLeavesNothing takes what people get wrong
// through the whole program: one clear message, the right exit code, and no
// table half-written.
func TestBadInputIsSaidWithTheFixAndLeavesNothing(t *testing.T) {
	t.Parallel()
	simulator, err := simulate.New(simulate.Options{
		APIKey: "the-right-key",
		Projects: []simulate.Project{{
			AccountID: "acme-uk", ID: "acme-team-4", Environments: []simulate.Environment{{Name: "live", Conversations: 100}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	source := httptest.NewServer(simulator)
	t.Cleanup(source.Close)
	const good = "start: 2026-06-01"
	for name, c := range map[string]struct {
		key, account, project, base string // the right ones unless set
		sync, more                  string
		code                        int
		said                        []string
	}{
		"the wrong key":     {key: "another-key", code: exitFailed, said: []string{"401", "the key is missing, wrong, expired or of another region", "check that this project's api_key belongs to the region of"}},
		"the wrong project": {project: "acme-team-5", code: exitFailed, said: []string{"404", "has no such account or project", "studio.REGION.poly.ai/ACCOUNT/PROJECT"}},
		"the wrong account": {account: "acme-us", code: exitFailed, said: []string{"404", "check region, account_id"}},
		"hosts mixed up":    {base: "https://api.uk.poly.ai", code: exitUsage, said: []string{"is the build host of region uk", "api.uk-1.platform.polyai.app"}},
		"no region":         {base: "https://api.poly.ai", code: exitUsage, said: []string{"has no region"}},
		"no https":          {base: "http://api.uk-1.platform.polyai.app", code: exitUsage, said: []string{"would send the key unencrypted"}},
		"a typing error":    {sync: "page_sise: 500", code: exitUsage, said: []string{"convsync.yaml:5:9", "page_sise", "did you mean page_size"}},
		"an unknown zone":   {more: ", time_zone: Europe/Londn", code: exitUsage, said: []string{"convsync.yaml:2", "Europe/Londn", "IANA name"}},
		"a future start":    {sync: "start: 2999-01-01", code: exitUsage, said: []string{"convsync.yaml:5", "is in the future"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lake, file := filepath.Join(t.TempDir(), "lake"), filepath.Join(t.TempDir(), "convsync.yaml")
			writeFile(t, file, fmt.Sprintf(`source: { base_url: %q, account_id: %s, api_key: %s,
  projects: [{ id: %s%s }] }
destination:
  parquet: { path: %q }
sync: { %s }
`, or(c.base, source.URL), or(c.account, "acme-uk"), or(c.key, "the-right-key"), or(c.project, "acme-team-4"), c.more, lake, or(c.sync, good)))
			r := convsync(t, nil, "run", "--config", file, "--log-level", "error")
			r.want(t, c.code, c.said...)
			wantNoRows(t, lake)
			if strings.Contains(r.stdout+r.stderr, "-key\"") || strings.Contains(r.stderr, "another-key") {
				t.Errorf("the key is shown: %s", r.stderr)
			}
			checked := convsync(t, nil, "check", "--config", file)
			if checked.code == exitOK || !strings.Contains(checked.stdout, "FAIL ") {
				t.Errorf("check finds nothing wrong: %d, %s", checked.code, checked.stdout)
			}
		})
	}
}

func TestTimeRange_Reversed(t *testing.T) {
	t.Parallel()
	for line, said := range map[string]string{
		"run --from 2026-06-08 --to 2026-06-01": "is not before --to",
		"run --to 2026-06-01":                   "--to needs --from",
		"run --from yesterday":                  "neither a date (2026-06-01) nor a time",
	} {
		convsync(t, nil, strings.Fields(line)...).want(t, exitUsage, said)
	}
}

// TestADestinationThatCannotBeWrittenIsSaidWithTheFix holds both `run` and
// `check` to it; neither may ask the source for anything but what check must.
func TestADestinationThatCannotBeWrittenIsSaidWithTheFix(t *testing.T) {
	t.Parallel()
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"conversations":[]}`)
	}))
	t.Cleanup(source.Close)
	database := pgtest.URL(t)
	poor, _ := pgtest.Role(t, database)
	newer := filepath.Join(t.TempDir(), "lake")
	convsync(t, nil, "run", "--config", configure(t, source.URL, into(newer))).want(t, exitOK)
	writeFile(t, filepath.Join(newer, "_sync", "lake.json"), `{"format_version": 999}`)
	foreign := t.TempDir()
	writeFile(t, filepath.Join(foreign, "holiday.jpg"), "a picture")
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, "not a folder")
	for name, c := range map[string]struct {
		destination string
		said        []string
	}{
		"a folder below a file":  {into(filepath.Join(file, "lake")), []string{file, "not a directory"}},
		"a folder of other work": {into(foreign), []string{foreign}},
		"a newer lake":           {into(newer), []string{"was written by a newer convsync", "update convsync"}},
		"Postgres is down":       {intoPostgres("postgres://ada@127.0.0.1:1/none"), []string{"127.0.0.1", "refused"}},
		"no such database": {intoPostgres(pgtest.With(t, database, func(u *url.URL) { u.Path = "/no_such_database" })),
			[]string{"no_such_database"}},
		"a wrong role":        {intoPostgres(pgtest.With(t, database, func(u *url.URL) { u.User = url.UserPassword("nobody_known", "made-up") })), []string{"nobody_known"}},
		"a role that may not": {intoPostgres(poor), []string{"schema"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := configure(t, source.URL, c.destination)
			r := convsync(t, nil, "run", "--config", config, "--log-level", "error")
			r.want(t, exitFailed, append(c.said, "the destination could not be read, so it is not known until when the data is complete")...)
			if strings.Contains(r.stderr, "made-up") && !strings.Contains(r.stderr, "[redacted]") {
				t.Errorf("the password is shown: %s", r.stderr)
			}
			checked := convsync(t, nil, "check", "--config", config)
			checked.want(t, exitFailed, append(c.said, "FAIL  destination")...)
			t.Logf("says: %s", r.stderr)
		})
	}
}

func or(value, other string) string {
	if value == "" {
		return other
	}
	return value
}

func writeFile(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// wantNoRows holds that no conversation lies in a lake, if there is one.
func wantNoRows(t testing.TB, lake string) {
	t.Helper()
	for _, table := range []string{"conversations", "turns"} {
		_ = filepath.WalkDir(filepath.Join(lake, table), func(name string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				t.Errorf("%s was written", name)
			}
			return nil
		})
	}
}
