package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"convsync/internal/simulate"
)

// Files that are missing are named by check and by the next run, which reads
// their day again.
func TestLake_FilesMissing(t *testing.T) {
	t.Parallel()
	_, server := past(t, 300, 2, simulate.Deviations{})
	lake := inFolder(t, "lake")
	file := configure(t, server.URL, into(lake))
	run(t, file, exitOK)
	convsync(t, nil, "check", "--config", file).want(t, exitOK, "names and sizes are as recorded")
	whole := len(readLake(t, lake)["turns"])
	day := standing.AddDate(0, 0, -12).Format("2006-01")
	for _, table := range []string{"conversations", "turns"} {
		if err := os.Remove(filepath.Join(lake, table, "project_id=acme-team-4", "started_month="+day, "d01-30.parquet")); err != nil {
			t.Fatal(err)
		}
	}
	missing := "turns/project_id=acme-team-4/started_month=" + day + "/d01-30.parquet is missing"
	convsync(t, nil, "check", "--config", file).want(t, exitOK, "acme-team-4, "+day, missing)
	convsync(t, nil, "run", "--config", file).want(t, exitOK, missing)
	if now := len(readLake(t, lake)["turns"]); now != whole {
		t.Errorf("%d conversations have turns after the next run, want %d", now, whole)
	}
	convsync(t, nil, "check", "--config", file).want(t, exitOK, "names and sizes are as recorded")
}

// A backup is restored by putting it in the place of the lake.
func TestLake_BackupRestored(t *testing.T) {
	t.Parallel()
	_, server := past(t, 100, 2, simulate.Deviations{})
	lake, backup := inFolder(t, "lake"), inFolder(t, "backup")
	file := configure(t, server.URL, into(lake))
	run(t, file, exitOK)
	convsync(t, nil, "lake", "backup", backup, "--config", file).want(t, exitOK, "backed up "+lake+" to "+backup, "hard links")
	convsync(t, nil, "lake", "backup", backup, "--config", file).want(t, exitFailed, "is not empty")
	if err := os.RemoveAll(lake); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(backup, lake); err != nil {
		t.Fatal(err)
	}
	if s := run(t, file, exitOK); s.Conversations.Inserted+s.Conversations.Updated != 0 {
		t.Errorf("the run after the restore writes %+v", s.Conversations)
	}
	if n := len(readLake(t, lake)["conversations"]); n != 100 {
		t.Errorf("%d conversations are stored, want 100", n)
	}
}

func TestLake_WrongUsage(t *testing.T) {
	t.Parallel()
	postgres := configure(t, "http://127.0.0.1:1", intoPostgres("postgres://127.0.0.1:1/none"))
	convsync(t, nil, "lake", "backup", "x", "--config", postgres).want(t, exitUsage, "pg_dump")
	convsync(t, nil, "lake", "backup").want(t, exitUsage, "expected one argument, a new folder")
	convsync(t, nil, "lake", "restore").want(t, exitUsage, "unknown command", "backup")
	convsync(t, nil, "lake").want(t, exitOK, "convsync lake backup /backups")
}

// Project ids that differ only in case are refused in a lake, and only the
// second one.
func TestLake_ProjectsInTwoCases(t *testing.T) {
	t.Parallel()
	options := simulate.Options{Now: func() time.Time { return standing }}
	for _, id := range []string{"acme", "ACME"} {
		options.Projects = append(options.Projects, simulate.Project{
			AccountID:    "acme-uk",
			ID:           id,
			From:         standing.AddDate(0, 0, -20),
			To:           standing.AddDate(0, 0, -1),
			TurnsMean:    2,
			Environments: []simulate.Environment{{Name: "live", Conversations: 20}},
		})
	}
	simulator, err := simulate.New(options)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(simulator)
	t.Cleanup(server.Close)
	lake := inFolder(t, "lake")
	file := filepath.Join(t.TempDir(), "convsync.yaml")
	write := func(second string) {
		writeFile(t, file, fmt.Sprintf("source: { base_url: %q, account_id: acme-uk, api_key: made-up, projects: [{ id: acme }, %s] }\ndestination: { %s }\nsync: { start: %s }\n",
			server.URL, second, into(lake), standing.AddDate(0, 0, -21).Format(time.DateOnly)))
	}
	write("{ id: ACME }")
	convsync(t, nil, "check", "--config", file).want(t, exitUsage, "ACME differs from project acme only in case", "`as:`")
	run(t, file, exitPartial)
	if n := len(readLake(t, lake)["conversations"]); n != 20 {
		t.Errorf("%d conversations are stored, want those of the first project", n)
	}
	write("{ id: ACME, as: acme-2 }")
	convsync(t, nil, "check", "--config", file).want(t, exitOK)
	run(t, file, exitOK)
}
