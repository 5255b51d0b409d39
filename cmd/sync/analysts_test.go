//go:build dbt || readers

package main

import (
	"testing"

	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

// analysts creates a role that can read what is for analysts, and write schemas for marts.
func analysts(t *testing.T, database string) (withRole string) {
	t.Helper()
	withRole, role := pgtest.Role(t, database)
	pgtest.Exec(t, database, "CREATE SCHEMA analytics AUTHORIZATION "+role, "CREATE SCHEMA analytics_staging AUTHORIZATION "+role,
		"GRANT USAGE ON SCHEMA polyai TO "+role, "ALTER ROLE "+role+" SET search_path = polyai")
	for _, table := range append(warehouse.Specs(), warehouse.Views(warehouse.Postgres)...) {
		if table.For == warehouse.ForAnalysts {
			pgtest.Exec(t, database, "GRANT SELECT ON polyai."+table.Name+" TO "+role)
		}
	}
	return withRole
}
