package derived

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"convsync/internal/warehouse"
)

// yamlHead is the beginning of a file of properties.
const yamlHead = "# " + notice + "\nversion: 2\n"

// quoted is a text in YAML, of which JSON is a part.
func quoted(text string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		panic("derived: " + err.Error()) // a string always has a JSON form
	}
	return strings.TrimSpace(b.String())
}

func list(values []string) string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = quoted(v)
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// lake is the folder of a lake, in Jinja.
const lake = "{{ env_var('CONVSYNC_LAKE', 'convsync-data') }}"

// watermarkAge is how old the watermark may be before dbt warns, and reports an error:
// for a run each night. It moves with each run, also if no conversation is new.
const watermarkAge = `          loaded_at_field: watermark
          freshness:
            warn_after: { count: 26, period: hour }
            error_after: { count: 50, period: hour }
`

// sources declares the tables of a schema of Postgres or of a lake.
func sources() string {
	var b strings.Builder
	b.WriteString(yamlHead + "sources:\n  - name: convsync\n")
	b.WriteString("    description: \"The tables for analysts, as convsync loads them.\"\n")
	b.WriteString("    schema: \"{{ env_var('CONVSYNC_SCHEMA', 'polyai') }}\"\n    tables:\n")
	for _, t := range tables() {
		options := "hive_partitioning = false"
		if t.ByStart { // project_id is only in the path; as text, also if it is a number
			options = "hive_partitioning = true, hive_types_autocast = false"
		}
		fmt.Fprintf(&b, "      - name: %s\n        description: %s\n", t.Name, quoted(t.Doc))
		fmt.Fprintf(&b, "        config:\n          meta:\n            external_location: \"read_parquet('%s/%s/**/*.parquet', union_by_name = true, %s)\"\n", lake, t.Name, options)
		if t.Name == warehouse.SyncWatermarks.Name {
			b.WriteString(watermarkAge)
		}
	}
	return b.String()
}

func stagingProperties() string {
	var b strings.Builder
	b.WriteString(yamlHead + "models:\n")
	for _, t := range tables() {
		writeModel(&b, staging(t.Name), &t)
	}
	return b.String()
}

func martProperties() string {
	var b strings.Builder
	b.WriteString(yamlHead + "models:\n")
	for _, v := range views() {
		writeModel(&b, v.Name, &v)
	}
	return b.String()
}

// writeModel writes description and tests. Tests that need several columns are those of
// dbt/macros: one query per model for all columns that are never NULL.
func writeModel(b *strings.Builder, model string, s *warehouse.Spec) {
	fmt.Fprintf(b, "  - name: %s\n    description: %s\n    data_tests:\n", model, quoted(s.Doc))
	var never []string
	for _, c := range s.Columns {
		if !c.Nullable {
			never = append(never, c.Name)
		}
	}
	fmt.Fprintf(b, "      - not_null_columns: { arguments: { columns: %s } }\n", list(never))
	if len(s.Key) > 1 {
		fmt.Fprintf(b, "      - unique_columns: { arguments: { columns: %s } }\n", list(s.Key))
	}
	references := slices.DeleteFunc(warehouse.Referenced(), func(r warehouse.Reference) bool { return r.From != s.Name })
	for _, r := range references {
		if len(r.Columns) > 1 {
			fmt.Fprintf(b, "      - relationships_columns: { arguments: { to: \"ref('%s')\", columns: %s } }\n", staging(r.To), list(r.Columns))
		}
	}
	b.WriteString("    columns:\n")
	for _, c := range s.Columns {
		writeColumn(b, s, &c, references)
	}
}

func writeColumn(b *strings.Builder, s *warehouse.Spec, c *warehouse.ColumnSpec, references []warehouse.Reference) {
	doc := c.Doc
	if c.Unit != "" {
		doc += " Unit: " + c.Unit + "."
	}
	fmt.Fprintf(b, "      - name: %s\n        description: %s\n", c.Name, quoted(doc))
	var tests []string
	if slices.Equal(s.Key, []string{c.Name}) {
		tests = append(tests, "unique")
	}
	if c.Values != nil && (s.Select == "" || c.Source == "") { // a view does not change the columns of a table
		tests = append(tests, "accepted_values: { arguments: { values: "+list(c.Values)+" } }")
	}
	for _, r := range references {
		if slices.Equal(r.Columns, []string{c.Name}) {
			tests = append(tests, fmt.Sprintf("relationships: { arguments: { to: \"ref('%s')\", field: %s } }", staging(r.To), c.Name))
		}
	}
	if len(tests) > 0 {
		fmt.Fprintf(b, "        data_tests:\n          - %s\n", strings.Join(tests, "\n          - "))
	}
}
