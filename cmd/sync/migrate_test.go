package main

import (
	"testing"

	"convsync/internal/load/pgtest"
	"convsync/internal/simulate"
)

// TestMigrateMissing has a schema that lacks migration 5, the one of sync_revealed.
func TestMigrateMissing(t *testing.T) {
	t.Parallel()
	_, server := past(t, 50, 2, simulate.Deviations{})
	database := pgtest.URL(t)
	config := configure(t, server.URL, intoPostgres(database))
	convsync(t, nil, "migrate", "--config", config).want(t, exitOK, "this version supports")
	pgtest.Exec(t, database, "DROP TABLE polyai.sync_revealed", "DELETE FROM polyai.goose_db_version WHERE version_id = 5")
	const lacks, mend = "lacks 1 of the migrations before layout", "convsync migrate --missing"
	convsync(t, nil, "check", "--config", config).want(t, exitFailed, lacks, "(5)", mend)
	convsync(t, nil, "status", "--config", config).want(t, exitFailed, lacks, mend)
	convsync(t, nil, "run", "--config", config).want(t, exitFailed, lacks, mend)
	convsync(t, nil, "migrate", "--config", config).want(t, exitFailed, lacks, mend)
	convsync(t, nil, "migrate", "status", "--config", config).want(t, exitOK, "missing migrations: 5; back up the database, then run `"+mend+" --config "+config+"`")
	convsync(t, nil, "migrate", "--missing", "--config", config).want(t, exitOK, "this version supports")
	run(t, config, exitOK)
}

func TestMigrateStatus_NoLake(t *testing.T) {
	t.Parallel()
	_, server := past(t, 1, 1, simulate.Deviations{})
	config := configure(t, server.URL, into(t.TempDir()))
	convsync(t, nil, "migrate", "status", "--config", config).want(t, exitOK, "there is no lake yet; `convsync run --config "+config+"` makes one, with layout 3")
	run(t, config, exitOK)
	convsync(t, nil, "migrate", "status", "--config", config).want(t, exitOK, "layout 3; this version supports layout 3")
}
