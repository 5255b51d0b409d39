package main

import (
	"github.com/spf13/cobra"

	"convsync/internal/warehouse"
)

// flagValues are the values of flags that have only a few, for the completion
// of a shell. The folder and file names that cobra offers otherwise are wrong for them.
var flagValues = map[string][]string{
	"audio":       audioForms,
	"destination": {"parquet", "postgres"},
	"fault":       allFaultNames,
	"log-format":  {"text", "json"},
	"log-level":   {"debug", "info", "warn", "error"},
	"outcome":     warehouse.Outcomes,
	"paging":      {"cursor", "offset", "unnamed"},
	"redacted":    {"true", "false"},
	"region":      {"us", "uk", "eu", "studio"},
	"retry-after": {"seconds", "date", "missing"},
	"when-locked": {"fail", "skip", "wait"},
}

// outputs are the values of --output by command: text and json unless listed.
var outputs = map[string][]string{"schema": {"markdown", "json", "sql"}, "query": queryFormats, "search": queryFormats, "transcript": transcriptFormats}

// completeFlags makes the shell complete the values of all commands' flags.
func completeFlags(app *app, root *cobra.Command) {
	for _, cmd := range withSubcommands(root) {
		for name, values := range flagValues {
			complete(cmd, name, values)
		}
		complete(cmd, "output", orDefault(outputs[cmd.Name()], []string{"text", "json"}))
		if cmd.Flags().Lookup("project") != nil && cmd.Name() != "init" && cmd.Name() != "simulate" {
			_ = cmd.RegisterFlagCompletionFunc("project", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
				return configuredProjects(app), cobra.ShellCompDirectiveNoFileComp
			})
		}
	}
}

// withSubcommands returns a command and all below it.
func withSubcommands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		all = append(all, withSubcommands(sub)...)
	}
	return all
}

func complete(cmd *cobra.Command, flag string, values []string) {
	if cmd.Flags().Lookup(flag) == nil && cmd.PersistentFlags().Lookup(flag) == nil {
		return
	}
	// It fails for a flag that has a completion already.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func orDefault(values, fallback []string) []string {
	if values == nil {
		return fallback
	}
	return values
}

// configuredProjects are the ids that --project takes; none where the
// configuration is not complete yet.
func configuredProjects(app *app) (ids []string) {
	cfg, err := app.loadConfig()
	if err != nil {
		return nil
	}
	for _, p := range cfg.Projects {
		ids = append(ids, p.StoredID)
	}
	return ids
}
