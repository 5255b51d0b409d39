package config_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"convsync/internal/config"
)

var now = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

const madeUpKey = "made-up-key-4711"

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

// load writes text as a file and loads it.
func load(t testing.TB, text string, env map[string]string) (*config.Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "convsync.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(config.Options{File: file, LookupEnv: lookup(env), Now: now})
}

// head is a source that is in order.
const head = `source:
  region: uk
  account_id: acme-uk
  api_key: made-up-key-4711
  projects:
    - id: acme-team-4
`

const lake = "destination:\n  parquet: {path: ./lake}\n"

func TestTheExampleOfTheManualLoadsWhole(t *testing.T) {
	t.Parallel()
	text := `source:
  region: uk                      # us, uk, eu, studio
  account_id: acme-uk
  api_key: ${POLYAI_API_KEY}
  api_version: v3
  projects:
    - id: acme-team-4
      environments: [live]
      time_zone: Europe/London
destination:
  parquet: { path: ./convsync-data }
sync:
  start: 2026-01-01
  lookback: { each_run: 1h, hourly: 24h, daily: 7d }
  open_age_limit: 168h
  page_size: 250
  max_conversation_mb: 16
  workers: { extract: 8, transform: 3, load: 2 }
  max_requests_per_second: 2.5
schedules:
  nightly: { cron: "0 2 * * *", time_zone: Europe/London }
`
	got, err := load(t, text, map[string]string{"POLYAI_API_KEY": madeUpKey})
	if err != nil {
		t.Fatal(err)
	}
	p := got.Projects[0]
	if key, err := p.APIKey.Resolve(t.Context()); key != madeUpKey || err != nil {
		t.Errorf("key = %v, %v", key, err)
	}
	if p.WorkspaceAPIKey != p.APIKey {
		t.Error("the workspace key is not the key unless set")
	}
	p.APIKey, p.WorkspaceAPIKey = config.Secret{}, config.Secret{}
	wantProject := config.Project{
		ID:                   "acme-team-4",
		StoredID:             "acme-team-4",
		AccountID:            "acme-uk",
		Region:               "uk",
		APIVersion:           "v3",
		Environments:         []string{"live"},
		TimeZone:             "Europe/London",
		Start:                time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		MaxRequestsPerSecond: 2.5,
		Audio:                config.Audio{Mode: "reference", Directions: []string{"combined"}, Redacted: "true"},
	}
	if !reflect.DeepEqual(p, wantProject) {
		t.Errorf("project = %+v\nwant      %+v", p, wantProject)
	}
	tiers := config.Lookback{EachRun: time.Hour, Hourly: 24 * time.Hour, Daily: 168 * time.Hour}
	wantSync := config.Sync{
		Lookback:             tiers,
		OpenAgeLimit:         168 * time.Hour,
		PageSize:             250,
		MaxConversationBytes: 16 << 20,
		Workers:              config.Workers{Extract: 8, Transform: 3, Load: 2},
		OnMissing:            "mark",
		MissingLimit:         config.MissingLimit{Share: 0.1, AtLeast: 20},
		Audio:                config.AudioWork{Share: 0.2, Workers: 2},
	}
	if got.Sync != wantSync {
		t.Errorf("sync = %+v\nwant   %+v", got.Sync, wantSync)
	}
	wantSchedule := config.Schedule{
		Name:     "nightly",
		Cron:     "0 2 * * *",
		TimeZone: "Europe/London",
		Kind:     "incremental",
		Lookback: tiers,
	}
	if len(got.Schedules) != 1 || !reflect.DeepEqual(got.Schedules[0], wantSchedule) {
		t.Errorf("schedules = %+v", got.Schedules)
	}
	if want := filepath.Join(filepath.Dir(got.File), "convsync-data"); got.Destination.Parquet.Path != want || got.Destination.Postgres != nil {
		t.Errorf("destination = %+v, want the folder next to the file", got.Destination)
	}
}

func TestAProjectOverridesWhatItInherits(t *testing.T) {
	t.Parallel()
	got, err := load(t, `source:
  region: uk
  account_id: acme-uk
  api_key: made-up-key-4711
  base_url: http://127.0.0.1:8088/
  projects:
    - id: one
    - id: two
      as: two-us
      region: us
      account_id: acme-us
      api_key: made-up-key-of-two
      start: 2026-02-01T12:00:00+01:00
      environments: [sandbox, live]
`+lake+"sync: {start: 2026-01-01}\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	one, two := got.Projects[0], got.Projects[1]
	if one.BaseURL != "http://127.0.0.1:8088" || one.MaxRequestsPerSecond != 0 {
		t.Errorf("one = %+v: a source on this machine has no limit", one)
	}
	if two.Region != "us" || two.AccountID != "acme-us" || two.BaseURL != "" || two.MaxRequestsPerSecond != 5 ||
		two.StoredID != "two-us" || !two.Start.Equal(time.Date(2026, 2, 1, 11, 0, 0, 0, time.UTC)) {
		t.Errorf("two = %+v: another region has its own hosts", two)
	}
	if key, _ := two.WorkspaceAPIKey.Resolve(t.Context()); key != "made-up-key-of-two" {
		t.Errorf("the workspace key of two is %q", key)
	}
}

func TestAStudioURLFillsInRegionAccountAndProject(t *testing.T) {
	t.Parallel()
	got, err := load(t, "source: {studio_url: \"https://studio.uk.poly.ai/acme-uk/acme-team-4/agent\", api_key: made-up}\n"+lake, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p := got.Projects[0]; p.Region != "uk" || p.AccountID != "acme-uk" || p.ID != "acme-team-4" {
		t.Errorf("project = %+v", p)
	}
}

func TestVariablesAloneAreEnough(t *testing.T) {
	t.Parallel()
	env := map[string]string{"POLYAI_API_KEY": madeUpKey, "POLYAI_REGION": "euw", "POLYAI_ACCOUNT_ID": "acme-eu", "POLYAI_PROJECT_ID": "acme-team-4"}
	got, err := config.Load(config.Options{LookupEnv: lookup(env), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if p := got.Projects[0]; p.Region != "eu" || p.ID != "acme-team-4" || got.Destination.Parquet.Path != "./convsync-data" {
		t.Errorf("got %+v", got)
	}
	delete(env, "POLYAI_PROJECT_ID")
	env["POLYAI_REGION"] = "ku"
	_, err = config.Load(config.Options{LookupEnv: lookup(env), Now: now})
	wantMessage(t, err, "environment: POLYAI_PROJECT_ID: is not set;", `environment: POLYAI_REGION: "ku" is not known; expected us, uk, eu or studio; did you mean uk?`)
	_, err = config.Load(config.Options{LookupEnv: lookup(nil), Now: now})
	wantMessage(t, err, "no configuration found", "`convsync init`")
	if !strings.HasPrefix(err.Error(), "no configuration found") {
		t.Errorf("the message starts with something else: %v", err)
	}
}

func TestTheFileIsFoundByFlagThenVariable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "mine.yaml")
	if err := os.WriteFile(file, []byte(head+lake), 0o600); err != nil {
		t.Fatal(err)
	}
	env := lookup(map[string]string{"CONVSYNC_CONFIG": file})
	if got, err := config.Load(config.Options{LookupEnv: env, Now: now}); err != nil || got.File != file {
		t.Errorf("by variable: %v, %v", got, err)
	}
	_, err := config.Load(config.Options{File: filepath.Join(dir, "none.yaml"), LookupEnv: env, Now: now})
	wantMessage(t, err, "none.yaml: cannot be read: no such file", "--config", "convsync init")
	_, err = config.Load(config.Options{File: dir, LookupEnv: env, Now: now})
	wantMessage(t, err, "is a folder")
}

func TestAllProblemsOfAFileAreReportedInItsOrder(t *testing.T) {
	t.Parallel()
	_, err := load(t, `source:
  region: ku
  acount_id: acme-uk
  api_key: ${NOT_SET}
  projects:
    - id: acme-team-4
      time_zone: Europe/Londres
destination:
  parquet: {path: ./lake}
  postgres: {url: "postgres://localhost/db"}
sync:
  page_size: 5000
  max_conversation_mb: 512
`, nil)
	want := []string{
		`convsync.yaml:1:1: source.account_id: is missing;`,
		`convsync.yaml:2:3: source.region: "ku" is not known; expected us, uk, eu or studio; did you mean uk?`,
		`convsync.yaml:3:3: source.acount_id: is not a key of source; expected`,
		`convsync.yaml:4:3: source.api_key: needs the variable NOT_SET, which is not set; set it (export NOT_SET=…)`,
		`convsync.yaml:7:7: source.projects[0].time_zone: "Europe/Londres" is not a known time zone;`,
		`convsync.yaml:10:3: destination.postgres: is set in addition to parquet;`,
		`convsync.yaml:12:3: sync.page_size: "5000" is out of range; expected 1 to 1000`,
		`convsync.yaml:13:3: sync.max_conversation_mb: "512" is out of range; expected 1 to 256`,
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d problems, want %d:\n%v", len(lines), len(want), err)
	}
	for i := range want {
		if !strings.Contains(lines[i], want[i]) {
			t.Errorf("problem %d = %s\nwant       %s", i, lines[i], want[i])
		}
	}
	if !strings.Contains(lines[2], "did you mean account_id?") {
		t.Errorf("no guess at the key that was meant: %s", lines[2])
	}
}

func TestTheFingerprintFollowsTheConfigurationButNotItsSecrets(t *testing.T) {
	t.Parallel()
	fingerprint := func(text string, env map[string]string) string {
		got, err := load(t, text, env)
		if err != nil {
			t.Fatal(err)
		}
		got.Destination.Parquet.Path = "lake" // the folder differs from test to test
		if b, err := json.Marshal(got); err != nil || strings.Contains(string(b), "made-up") {
			t.Errorf("marshalled as %s, %v", b, err)
		}
		return got.Fingerprint()
	}
	text := strings.Replace(head, "made-up-key-4711", "${KEY}", 1) + lake
	a := fingerprint(text, map[string]string{"KEY": "made-up-a"})
	b := fingerprint("# a comment\n"+text, map[string]string{"KEY": "made-up-b"})
	c := fingerprint(text+"sync: {page_size: 100}\n", map[string]string{"KEY": "made-up-a"})
	if a != b || a == c || len(a) != 64 {
		t.Errorf("fingerprints %s, %s, %s", a, b, c)
	}
}

func wantMessage(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error; want one with %q", parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q\nlacks %q", err, part)
		}
	}
}
