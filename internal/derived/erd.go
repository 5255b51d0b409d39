package derived

import (
	"fmt"
	"slices"
	"strings"

	"convsync/internal/warehouse"
)

const erdHead = `# Tables, views and how they belong together

<!-- ` + notice + ` -->

The diagrams have the tables and views for analysts, with the columns by which they are joined. [tables.md](../tables.md) has all
columns; [the cookbook](cookbook.md) has queries.
`

// diagram returns docs/analysts/erd.md.
func diagram() string {
	var b strings.Builder
	b.WriteString(erdHead)
	b.WriteString("\n## Tables\n\n```mermaid\nerDiagram\n")
	references := slices.DeleteFunc(warehouse.Referenced(), func(r warehouse.Reference) bool { return !isTable(r.From) })
	for _, r := range references {
		fmt.Fprintf(&b, "    %s ||--o{ %s : \"%s\"\n", r.To, r.From, strings.Join(r.Columns, ", "))
	}
	for _, t := range tables() {
		writeEntity(&b, &t, references)
	}
	b.WriteString("```\n\nPK is the key, FK a column by which a row refers to the table above, which has any number of rows below.\n")
	writeJoins(&b, references)
	b.WriteString("\n## Views\n\nA view has the columns of its key, and is computed from the tables and views that point to it.\n\n```mermaid\nflowchart LR\n")
	for _, v := range views() {
		for _, name := range readBy(&v) {
			fmt.Fprintf(&b, "    %s --> %s([%s])\n", name, v.Name, v.Name)
		}
	}
	b.WriteString("```\n\n| view | one row per |\n| --- | --- |\n")
	for _, v := range views() {
		fmt.Fprintf(&b, "| [%s](../tables.md#%s) | `%s` |\n", v.Name, v.Name, strings.Join(v.Key, "`, `"))
	}
	return b.String()
}

func isTable(name string) bool {
	return slices.ContainsFunc(tables(), func(s warehouse.Spec) bool { return s.Name == name })
}

// writeEntity writes the columns of the key and of references, from here or to here.
func writeEntity(b *strings.Builder, t *warehouse.Spec, references []warehouse.Reference) {
	fmt.Fprintf(b, "    %s {\n", t.Name)
	for _, c := range t.Columns {
		var marks []string
		if slices.Contains(t.Key, c.Name) {
			marks = append(marks, "PK")
		}
		if slices.ContainsFunc(references, func(r warehouse.Reference) bool { return r.From == t.Name && slices.Contains(r.Columns, c.Name) }) {
			marks = append(marks, "FK")
		}
		if len(marks) > 0 || slices.ContainsFunc(references, func(r warehouse.Reference) bool { return r.To == t.Name && slices.Contains(r.Columns, c.Name) }) {
			line := strings.Join([]string{strings.ReplaceAll(c.Type.String(), " ", "_"), c.Name, strings.Join(marks, ", ")}, " ")
			fmt.Fprintf(b, "        %s\n", strings.TrimSpace(line))
		}
	}
	b.WriteString("    }\n")
}

// writeJoins writes the joins as SQL.
func writeJoins(b *strings.Builder, references []warehouse.Reference) {
	b.WriteString("\n| to join | write |\n| --- | --- |\n")
	for _, r := range references {
		fmt.Fprintf(b, "| %s, %s | `%s JOIN %s USING (%s)` |\n", r.From, r.To, r.From, r.To, strings.Join(r.Columns, ", "))
	}
}

// readBy returns the tables and views that a view reads, in the order in which it does.
func readBy(v *warehouse.Spec) (names []string) {
	for _, read := range reads.FindAllString(v.Select, -1) {
		_, name, _ := strings.Cut(read, " ")
		isView := slices.ContainsFunc(views(), func(s warehouse.Spec) bool { return s.Name == name })
		if (isTable(name) || isView) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
