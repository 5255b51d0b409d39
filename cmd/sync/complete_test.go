package main

import "testing"

func TestComplete(t *testing.T) {
	t.Parallel()
	file := configure(t, "http://127.0.0.1:1", into(inFolder(t, "lake")))
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"when-locked": {[]string{"run", "--when-locked", ""}, []string{"fail", "skip", "wait"}},
		"output":      {[]string{"run", "--output", ""}, []string{"text", "json"}},
		"of schema":   {[]string{"schema", "--output", ""}, []string{"markdown", "sql"}},
		"log level":   {[]string{"--log-level", ""}, []string{"debug", "warn"}},
		"of init":     {[]string{"init", "--destination", ""}, []string{"parquet", "postgres"}},
		"project":     {[]string{"run", "--config", file, "--project", ""}, []string{"acme-team-4"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			convsync(t, nil, append([]string{"__complete"}, c.args...)...).want(t, exitOK, append(c.want, "ShellCompDirectiveNoFileComp")...)
		})
	}
}
