package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

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
		"simulator into Postgres": {"--base-url http://127.0.0.1:8088 --account 123 --project true --destination postgres --postgres-url-env MY_URL", func(cfg *config.Config) bool {
			p := cfg.Projects[0]
			return p.BaseURL == "http://127.0.0.1:8088" && p.AccountID == "123" && p.ID == "true" && cfg.Destination.Postgres.Schema == "polyai"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := inFolder(t, "my.yaml")
			args := append([]string{"init", "--file", file, "--key-env", "MY_KEY"}, strings.Fields(c.flags)...)
			convsync(t, env, args...).want(t, exitOK, "export MY_KEY=", "convsync check --config "+file, "convsync run")
			if text := readFile(t, file); strings.Contains(text, "made-up") || !strings.Contains(text, "${MY_KEY}") {
				t.Errorf("the key stands in the file, or its variable does not:\n%s", text)
			}
			cfg, err := config.Load(config.Options{File: file, LookupEnv: lookup})
			if err != nil {
				t.Fatal(err)
			}
			if !c.check(cfg) {
				t.Errorf("loaded as %+v", cfg.Projects)
			}
			if key, err := cfg.Projects[0].APIKey.Resolve(t.Context()); key != env["MY_KEY"] || err != nil {
				t.Errorf("key = %q, %v", key, err)
			}
		})
	}
}

func TestInitLeavesAnExistingFileAloneUnlessForced(t *testing.T) {
	t.Parallel()
	file := inFolder(t, "convsync.yaml")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"init", "--file", file, "--studio-url", "https://studio.eu.poly.ai/acme-eu/acme-team-4"}
	convsync(t, nil, args...).want(t, exitUsage, "is there already", "--force")
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
		"--studio-url https://example.com/a/b": "is no Studio URL",
		"--studio-url https://studio.uk.poly.ai/acme-uk":         "source.projects: is missing",
		"--base-url http://api.test --account a --project p":     "in the clear",
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
		want(t, exitFailed, "cannot be written: no such file or directory; choose another with --file")
}

func TestInitAsksForWhatNoFlagSays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		given   initOptions
		answers string
		want    initOptions
	}{
		"a Studio URL answers all": {initOptions{}, "https://studio.uk.poly.ai/a/b\n", initOptions{studioURL: "https://studio.uk.poly.ai/a/b"}},
		"one by one":               {initOptions{}, "\n uk \nacme-uk\nacme-team-4\n", initOptions{region: "uk", account: "acme-uk", project: "acme-team-4"}},
		"the rest":                 {initOptions{baseURL: "http://localhost:1", account: "a"}, "p\n", initOptions{baseURL: "http://localhost:1", account: "a", project: "p"}},
		"nothing":                  {initOptions{studioURL: "u"}, "", initOptions{studioURL: "u"}},
	} {
		var asked bytes.Buffer
		got := c.given
		if err := ask(&got, strings.NewReader(c.answers), &asked); err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v after %s", name, got, err, asked.String())
		}
	}
	if err := ask(&initOptions{}, strings.NewReader(""), &bytes.Buffer{}); err == nil {
		t.Error("answers that end are no error")
	}
}
