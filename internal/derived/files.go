package derived

import (
	"maps"

	"convsync/internal/warehouse"
)

// notice is the first line of a file. A model has it as a comment of Jinja, so that the
// SQL that runs does not.
const notice = "Generated from internal/warehouse by `make docs`; do not edit."

// Files returns the text of each file, by its path from the root of the repository.
func Files() map[string]string {
	files := map[string]string{
		"dbt/models/sources.yml":        sources(),
		"dbt/models/staging/schema.yml": stagingProperties(),
		"dbt/models/marts/schema.yml":   martProperties(),
		"docs/analysts/erd.md":          diagram(),
	}
	maps.Copy(files, stagingModels())
	maps.Copy(files, martModels())
	return files
}

// tables returns the tables that the dbt package reads.
func tables() (specs []warehouse.Spec) {
	for _, s := range warehouse.Specs() {
		if s.For == warehouse.ForAnalysts {
			specs = append(specs, s)
		}
	}
	return specs
}

func views() []warehouse.Spec { return warehouse.Views(warehouse.Postgres) }
