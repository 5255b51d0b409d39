package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"convsync/internal/config"
)

func TestInitWritesAConfigurationThatLoads(t *testing.T) {
	t.Parallel()
	env := map[string]string{"MY_KEY": "made-up-key-4711", "MY_URL": "postgres://localhost/db"}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	for name, c := range map[string]struct {
		flags string
		check func(cfg *config.Config) bool
	}{
		"studio": {"--studio-url https://studio.uk.poly.ai/acme-uk/acme-team-4/agent", func(cfg *config.Config) bool {
			p := cfg.Projects[0]
			return p.Region == "uk" && p.AccountID == "acme-uk" && p.ID == "acme-team-4" && strings.HasSuffix(cfg.Destination.Parquet.Path, "convsync-data")
		}},
		"one by one": {"--region us --account ws-fd112d8f --project PROJECT-58RP822I --path ./lake:$1 --start 2026-01-02", func(cfg *config.Config) bool {
			p := cfg.Projects[0]
			return p.Region == "us" && p.ID == "PROJECT-58RP822I" && strings.HasSuffix(cfg.Destination.Parquet.Path, "lake:$1") && p.Start.Day() == 2
		}},
		"several projects": {"--region uk --account acme-uk --project acme-team-4,acme-team-5 --project acme-team-6", func(cfg *config.Config) bool {
			return len(cfg.Projects) == 3 && cfg.Projects[1].ID == "acme-team-5" && cfg.Projects[2].ID == "acme-team-6"
		}},
		"studio and one more": {"--studio-url https://studio.uk.poly.ai/acme-uk/acme-team-4 --project acme-team-5", func(cfg *config.Config) bool {
			return len(cfg.Projects) == 2 && cfg.Projects[0].ID == "acme-team-4" && cfg.Projects[1].AccountID == "acme-uk"
		}},
		"simulator into Postgres": {"--base-url http://127.0.0.1:8088 --account 123 --project true --destination postgres --postgres-url-env MY_URL", func(cfg *config.Config) bool {
			p := cfg.Projects[0]
			return p.BaseURL == "http://127.0.0.1:8088" && p.AccountID == "123" && p.ID == "true" && cfg.Destination.Postgres.Schema == "polyai"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := inFolder(t, "my.yaml")
			args := append([]string{"init", "--file", file, "--key-env", "MY_KEY"}, strings.Fields(c.flags)...)
			r := convsync(t, env, args...)
			r.want(t, exitOK, "export MY_KEY=", "convsync check --config "+file, "convsync run")
			if text := readFile(t, file); strings.Contains(text, "made-up") || !strings.Contains(text, "${MY_KEY}") {
				t.Errorf("the key is in the file, or its variable is not:\n%s", text)
			}
			cfg, err := config.Load(config.Options{File: file, LookupEnv: lookup})
			if err != nil {
				t.Fatal(err)
			}
			if !c.check(cfg) {
				t.Errorf("loaded as %+v", cfg.Projects)
			}
			r.want(t, exitOK, "the history since "+cfg.Projects[0].Start.Format(time.DateOnly)+" (sync.start)")
			if key, err := cfg.Projects[0].APIKey.Resolve(t.Context()); key != env["MY_KEY"] || err != nil {
				t.Errorf("key = %q, %v", key, err)
			}
		})
	}
}

func TestInitConfigFlag(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "other.yaml")
	flags := []string{"init", "--config", file, "--region", "uk", "--account", "acme-uk", "--project", "acme-team-4"}
	convsync(t, nil, flags...).want(t, exitOK, "wrote "+file, "convsync check --config "+file)
	if text := readFile(t, file); !strings.Contains(text, "acme-team-4") {
		t.Errorf("wrote %s", text)
	}
	convsync(t, nil, append(flags, "--file", file+".2")...).want(t, exitUsage, "--file and --config name two files")
}

func TestInitLeavesAnExistingFileAloneUnlessForced(t *testing.T) {
	t.Parallel()
	file := inFolder(t, "convsync.yaml")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"init", "--file", file, "--studio-url", "https://studio.eu.poly.ai/acme-eu/acme-team-4"}
	convsync(t, nil, args...).want(t, exitUsage, "already exists", "--force")
	if readFile(t, file) != "mine" {
		t.Error("the file was overwritten")
	}
	convsync(t, nil, append(args, "--force")...).want(t, exitOK, "wrote ")
	if !strings.Contains(readFile(t, file), "studio.eu.poly.ai") {
		t.Error("the file was not overwritten")
	}
}

func TestInitWritesNothingWhenItKnowsTooLittleOrWrong(t *testing.T) {
	t.Parallel()
	for flags, said := range map[string]string{
		"":                                     "add --region, --account, --project, or --studio-url",
		"--region uk":                          "add --account, --project",
		"--key-env sk-made-up!":                "take the name of a variable",
		"--region ku --account a --project p":  `"ku" is not known`,
		"--studio-url https://example.com/a/b": "is not a Studio URL",
		"--studio-url https://studio.uk.poly.ai/acme-uk":         "add --project (the Studio URL contains none), or use the Studio URL of a project",
		"--base-url http://api.test --account a --project p":     "unencrypted",
		"--region uk --account a --project p --start 2999-01-01": "in the future",
	} {
		t.Run(flags, func(t *testing.T) {
			t.Parallel()
			file := inFolder(t, "convsync.yaml")
			r := convsync(t, nil, append([]string{"init", "--file", file}, strings.Fields(flags)...)...)
			r.want(t, exitUsage, said)
			if _, err := os.Stat(file); err == nil {
				t.Error("a file was written")
			}
			if strings.Contains(r.stderr, "sk-made-up") {
				t.Error("what may be a key is shown")
			}
		})
	}
}

func TestInitSaysWhereItCannotWrite(t *testing.T) {
	t.Parallel()
	convsync(t, nil, "init", "--file", inFolder(t, "none/convsync.yaml"), "--studio-url", "https://studio.uk.poly.ai/a/b").
		want(t, exitFailed, "cannot be written: no such file or directory; choose another file with --file")
}

// unasked are the options where no flag was given.
func unasked() initOptions {
	return initOptions{
		keyEnv:         "POLYAI_API_KEY",
		destination:    "parquet",
		path:           "./convsync-data",
		postgresURLEnv: "DATABASE_URL",
		start:          "2026-01-01",
	}
}

func TestInitAsksForWhatNoFlagSays(t *testing.T) {
	t.Parallel()
	const studio = "https://studio.uk.poly.ai/a/b"
	for name, c := range map[string]struct {
		given   map[string]string // flags
		answers string
		want    func(o *initOptions)
		asked   []string
	}{
		"Enter accepts the value in brackets": {nil, studio + strings.Repeat("\n", 5), func(o *initOptions) { o.studioURL = studio },
			[]string{"[POLYAI_API_KEY]", "[parquet]", "[./convsync-data]", "[2026-01-01]"}},
		"into Postgres": {nil, studio + "\nMY_KEY\npostgres\nMY_URL\n2026-02-03\n", func(o *initOptions) {
			o.studioURL, o.keyEnv, o.destination, o.postgresURLEnv, o.start = studio, "MY_KEY", "postgres", "MY_URL", "2026-02-03"
		}, []string{"[DATABASE_URL]"}},
		"one by one": {nil, "\n uk \nacme-uk\nacme-team-4\n\n\n./lake\n\n", func(o *initOptions) {
			o.region, o.account, o.projects, o.path = "uk", "acme-uk", []string{"acme-team-4"}, "./lake"
		}, []string{"Region", "Account id", "Project id"}},
		"the rest": {map[string]string{"base-url": "http://localhost:1", "account": "a", "destination": "parquet", "start": "2026-01-01"}, "p\n\n\n",
			func(o *initOptions) { o.baseURL, o.account, o.projects = "http://localhost:1", "a", []string{"p"} }, []string{"Project id", "[POLYAI_API_KEY]", "[./convsync-data]"}},
		"a Studio URL without a project": {nil, "https://studio.uk.poly.ai/a\n p1, p2\n\n\n\n\n", func(o *initOptions) {
			o.studioURL, o.projects = "https://studio.uk.poly.ai/a", []string{"p1", "p2"}
		}, []string{"Project id"}},
		"again what will not do": {nil, studio + "\nsk-made-up!\nMY_KEY\nmysql\npostgres\n\n\n", func(o *initOptions) {
			o.studioURL, o.keyEnv, o.destination = studio, "MY_KEY", "postgres"
		}, []string{"take the name of a variable", "use parquet, postgres"}},
	} {
		var asked bytes.Buffer
		got, want := unasked(), unasked()
		got.studioURL, got.baseURL, got.account = c.given["studio-url"], c.given["base-url"], c.given["account"]
		c.want(&want)
		given := func(flag string) bool { _, ok := c.given[flag]; return ok }
		if err := ask(&got, given, strings.NewReader(c.answers), &asked); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v after %s", name, got, err, asked.String())
		}
		for _, s := range c.asked {
			if !strings.Contains(asked.String(), s) {
				t.Errorf("%s: nothing asked of %q: %s", name, s, asked.String())
			}
		}
		if strings.Contains(asked.String(), "sk-made-up") {
			t.Errorf("%s: what may be a key is shown", name)
		}
	}
}

func TestInitWritesNothingWhenTheAnswersEnd(t *testing.T) {
	t.Parallel()
	for _, answers := range []string{"", "https://studio.uk.poly.ai/a/b\n"} {
		o := unasked()
		if err := ask(&o, func(string) bool { return false }, strings.NewReader(answers), &bytes.Buffer{}); err == nil {
			t.Errorf("answers that end after %q are no error", answers)
		}
	}
	o := unasked()
	if err := ask(&o, func(string) bool { return true }, strings.NewReader(""), &bytes.Buffer{}); err != nil {
		t.Errorf("asks though every flag was given: %v", err)
	}
}
