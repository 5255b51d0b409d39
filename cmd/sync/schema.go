package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"convsync/internal/warehouse"
)

func newSchemaCommand(app *app) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:     "schema [table...]",
		Short:   "Print the data dictionary: tables, views, columns, types and meanings",
		Long:    "Schema prints the tables and views of both destinations, or only the ones that are named.",
		Example: "  convsync schema\n  convsync schema turns --output json\n  convsync schema --output sql",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return tableNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, tables []string) error { return runSchema(app.stdout, output, tables) },
	}
	cmd.Flags().StringVar(&output, "output", "markdown", "output format: markdown, json or sql")
	return cmd
}

// declared are the tables, then the views.
func declared() []warehouse.Spec { return append(warehouse.Specs(), warehouse.Views()...) }

func tableNames() []string {
	var names []string
	for _, s := range declared() {
		names = append(names, s.Name)
	}
	return names
}

func runSchema(w io.Writer, output string, tables []string) error {
	specs := declared()
	for _, table := range tables {
		if !slices.Contains(tableNames(), table) {
			return usageError(fmt.Errorf("unknown table %s; the tables are %s", table, strings.Join(tableNames(), ", ")))
		}
	}
	if len(tables) > 0 {
		specs = slices.DeleteFunc(specs, func(s warehouse.Spec) bool { return !slices.Contains(tables, s.Name) })
	}
	switch output {
	case "markdown":
		if len(tables) > 0 {
			return warehouse.WriteMarkdownTables(w, specs)
		}
		return warehouse.WriteMarkdown(w, specs)
	case "json":
		return warehouse.WriteJSON(w, specs)
	case "sql":
		return warehouse.WriteSQL(w, specs)
	}
	return oneOf("output", output, "markdown", "json", "sql")
}
