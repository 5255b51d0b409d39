package deploy

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"convsync/internal/load/pgtest"
	"convsync/internal/simulate"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "convsync-deploy-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	binary = filepath.Join(folder, "convsync")
	return pgtest.Main(m)
}

var binary string

// build makes the program once.
var build = sync.OnceValues(func() ([]byte, error) {
	return exec.Command("go", "build", "-o", binary, "../cmd/sync").CombinedOutput()
})

// program is a command of convsync with a configuration.
func program(t *testing.T, configuration string, args ...string) *exec.Cmd {
	t.Helper()
	if out, err := build(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	file := filepath.Join(t.TempDir(), "convsync.yaml")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	return exec.CommandContext(t.Context(), binary, append(args, "--config", file)...)
}

// source is an API of made-up conversations, the last fortnight's.
func source(t *testing.T) (url string) {
	t.Helper()
	now := time.Now().UTC()
	simulator, err := simulate.New(simulate.Options{
		Seed: 3,
		Projects: []simulate.Project{{
			AccountID:    "acme-uk",
			ID:           "acme-team-4",
			From:         now.AddDate(0, 0, -13),
			To:           now,
			Environments: []simulate.Environment{{Name: "live", Conversations: 600}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(simulator)
	t.Cleanup(server.Close)
	return server.URL
}

// configuration reads a source into a Postgres.
func configuration(source, database string) string {
	start := time.Now().UTC().AddDate(0, 0, -14).Format(time.DateOnly)
	return `
source: { base_url: "` + source + `", account_id: acme-uk, api_key: made-up-key, projects: [{ id: acme-team-4, time_zone: Europe/London }] }
destination: { postgres: { url: "` + database + `" } }
sync: { start: ` + start + ` }
schedules: { yearly: { cron: "0 2 29 2 *" } }
serve: { listen: "127.0.0.1:0" }
`
}

// loaded is a Postgres with conversations in it, loaded as a user does.
func loaded(t *testing.T) (database string) {
	t.Helper()
	database = pgtest.URL(t)
	if out, err := program(t, configuration(source(t), database), "run", "--log-level", "warn").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return database
}
