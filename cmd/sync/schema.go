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
	var output, dialect string
	cmd := &cobra.Command{
		Use:     "schema [table...]",
		Short:   "Print the data dictionary: tables, views, columns, types and meanings",
		Long:    "Schema prints the tables and views of both destinations, or only the ones that are named.",
		Example: "  convsync schema\n  convsync schema turns --output json\n  convsync schema --output sql --dialect duckdb",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return tableNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, tables []string) error { return runSchema(app.stdout, output, dialect, tables) },
	}
	cmd.Flags().StringVar(&output, "output", "markdown", "output format: markdown, json or sql")
	cmd.Flags().StringVar(&dialect, "dialect", "postgres", "dialect of the views in the output sql: postgres or duckdb")
	return cmd
}

// declared returns the tables, then the views.
func declared(d warehouse.Dialect) []warehouse.Spec {
	return append(warehouse.Specs(), warehouse.Views(d)...)
}

func tableNames() []string {
	var names []string
	for _, s := range declared(warehouse.Postgres) {
		names = append(names, s.Name)
	}
	return names
}

func runSchema(w io.Writer, output, dialect string, tables []string) error {
	dialects := map[string]warehouse.Dialect{"postgres": warehouse.Postgres, "duckdb": warehouse.DuckDB}
	if dialects[dialect] == 0 {
		return oneOf("dialect", dialect, "postgres", "duckdb")
	}
	specs := declared(dialects[dialect])
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
