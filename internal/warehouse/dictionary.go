package warehouse

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteMarkdown writes the data dictionary of tables and views for people.
func WriteMarkdown(w io.Writer, specs []Spec) error {
	var b strings.Builder
	b.WriteString("# Data dictionary\n\nMade by `convsync schema`; do not edit. Times are UTC. NULL means not known or not said.\n")
	b.WriteString(aboutJoins)
	b.WriteString(aboutLakes)
	writeMarkdownTables(&b, specs)
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteMarkdownTables writes the sections of tables and views alone, for those
// who ask for some of them.
func WriteMarkdownTables(w io.Writer, specs []Spec) error {
	var b strings.Builder
	writeMarkdownTables(&b, specs)
	_, err := io.WriteString(w, strings.TrimLeft(b.String(), "\n"))
	return err
}

func writeMarkdownTables(b *strings.Builder, specs []Spec) {
	for _, s := range specs {
		kind := ""
		if s.Select != "" {
			kind = "View. "
		}
		fmt.Fprintf(b, "\n## %s\n\n%s%s Key: `%s`.\n\n", s.Name, kind, s.Doc, strings.Join(s.Key, "`, `"))
		b.WriteString("| column | type | null | meaning | source |\n| --- | --- | --- | --- | --- |\n")
		for _, c := range s.Columns {
			null := "no"
			if c.Nullable {
				null = "yes"
			}
			typ := c.Type.String()
			if c.Unit != "" {
				typ += ", " + c.Unit
			}
			fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", c.Name, typ, null, c.Doc, c.Source)
		}
	}
}

// aboutJoins says which columns find the partitions.
const aboutJoins = `
Join conversations and their parts by ` + "`project_id`, `conversation_id` and `started_at`" + `: every part has its conversation's start, by which
the tables are partitioned. A time range belongs on each of the joined tables
(` + "`WHERE c.started_at >= '2026-11-01' AND t.started_at >= '2026-11-01'`" + `); a table without one is read whole.
`

// aboutLakes is said of all tables. An empty file would have to lie under a
// project and a day that nothing is stored of, and be taken for some by readers.
const aboutLakes = `
In a lake a table of conversations or their parts has a folder from its first row on. Until then a glob over its files finds
none, which DuckDB answers with "No files found that match the pattern": ask first, with
` + "`SELECT count(*) FROM glob('convsync-data/turns/**/*.parquet')`" + `, or read a table that has rows; ` + "`conversations.turns_loaded`" + ` says how
many turns there are.

A folder's name gives a value without a type, and readers guess one: a project id of digits becomes a number (007 becomes 7). For text, give
pandas or pyarrow ` + "`partitioning=pyarrow.dataset.partitioning(pyarrow.schema([(\"project_id\", pyarrow.string())]), flavor=\"hive\")`" + `,
and DuckDB's read_parquet ` + "`hive_types = {'project_id': VARCHAR}`" + `.
`

// MarshalText is the type's name in the dictionary's JSON.
func (t Type) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// WriteJSON writes the data dictionary of tables and views for programs.
func WriteJSON(w io.Writer, specs []Spec) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	isView := func(s Spec) bool { return s.Select != "" }
	isTable := func(s Spec) bool { return s.Select == "" }
	return enc.Encode(struct {
		Tables []Spec `json:"tables"`
		Views  []Spec `json:"views"`
	}{slices.DeleteFunc(slices.Clone(specs), isView), slices.DeleteFunc(slices.Clone(specs), isTable)})
}

// WriteSQL writes the contract as CREATE TABLE and CREATE VIEW statements with
// comments: logical tables, without partitions or physical keys.
func WriteSQL(w io.Writer, specs []Spec) error {
	var b strings.Builder
	for i, s := range specs {
		if i > 0 {
			b.WriteByte('\n')
		}
		kind := "TABLE"
		if s.Select == "" {
			writeTable(&b, &s)
		} else {
			kind = "VIEW"
			fmt.Fprintf(&b, "CREATE VIEW %s AS\n%s;\n", s.Name, s.Select)
		}
		fmt.Fprintf(&b, "COMMENT ON %s %s IS %s;\n", kind, s.Name, quoteSQL(s.Doc))
		for _, c := range s.Columns {
			doc := c.Doc
			if c.Unit != "" {
				doc += " Unit: " + c.Unit + "."
			}
			fmt.Fprintf(&b, "COMMENT ON COLUMN %s.%s IS %s;\n", s.Name, c.Name, quoteSQL(doc))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeTable(b *strings.Builder, s *Spec) {
	fmt.Fprintf(b, "CREATE TABLE %s (\n", s.Name)
	for _, c := range s.Columns {
		null := ""
		if !c.Nullable {
			null = " NOT NULL"
		}
		fmt.Fprintf(b, "    %s %s%s,\n", c.Name, c.Type.Postgres(), null)
	}
	fmt.Fprintf(b, "    PRIMARY KEY (%s)\n);\n", strings.Join(s.Key, ", "))
}

func quoteSQL(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
