package derived

import (
	"fmt"
	"regexp"
	"strings"

	"convsync/internal/warehouse"
)

// staging is the name of the model that selects the columns of a table.
func staging(table string) string { return "stg_" + table }

// stagingModels returns a model for each table. In a lake, a table without rows has no
// files, and files of an older version may lack columns.
func stagingModels() map[string]string {
	models := map[string]string{}
	for _, t := range tables() {
		columns := strings.Join(t.Names(), ",\n    ")
		source := fmt.Sprintf("{{ source('convsync', '%s') }}", t.Name)
		var declared []string
		for _, c := range t.Columns {
			declared = append(declared, fmt.Sprintf("NULL::%s AS %s", c.Type.DuckDB(), c.Name))
		}
		var b strings.Builder
		fmt.Fprintf(&b, "{# %s #}\n", notice)
		fmt.Fprintf(&b, "SELECT\n    %s\n", columns)
		fmt.Fprintf(&b, "%s\nFROM %s\n%s\n", ifPostgres, source, orDuckDB)
		fmt.Fprintf(&b, "FROM (\n    SELECT\n        %s\n    WHERE false\n", strings.Join(declared, ",\n        "))
		fmt.Fprintf(&b, "    {%% if lake_has('%s') %%}\n    UNION ALL BY NAME SELECT * FROM %s\n    %s\n)\n%s\n", t.Name, source, endIf, endIf)
		models["dbt/models/staging/"+staging(t.Name)+".sql"] = b.String()
	}
	return models
}

// martModels returns a model for each view, with its SQL.
func martModels() map[string]string {
	models := map[string]string{}
	inDuckDB := warehouse.Views(warehouse.DuckDB)
	for i, v := range views() {
		text := merge(modelSQL(v.Select), modelSQL(inDuckDB[i].Select))
		models["dbt/models/marts/"+v.Name+".sql"] = fmt.Sprintf("{# %s #}\n%s\n", notice, text)
	}
	return models
}

// modelSQL replaces the tables and views that the SQL of a view reads by models.
func modelSQL(sql string) string {
	models := map[string]string{}
	for _, t := range tables() {
		models[t.Name] = staging(t.Name)
	}
	for _, v := range views() {
		models[v.Name] = v.Name
	}
	return reads.ReplaceAllStringFunc(sql, func(read string) string {
		keyword, name, _ := strings.Cut(read, " ")
		if models[name] == "" {
			return read // a common table expression
		}
		return keyword + " {{ ref('" + models[name] + "') }}"
	})
}

// reads matches what a SELECT reads: tables, views and common table expressions.
var reads = regexp.MustCompile(`\b(FROM|JOIN) [a-z_]+\b`)
