package postgres

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"testing/fstest"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/migrations"
)

// aLayoutMore returns the migrations with one more, and the newest version
// without it.
func aLayoutMore(t *testing.T) (more fstest.MapFS, known int64) {
	t.Helper()
	files, err := migrations.Files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	more = fstest.MapFS{}
	for _, file := range files {
		text, err := migrations.Files.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		more[file.Name()] = &fstest.MapFile{Data: text}
		if known, err = strconv.ParseInt(file.Name()[:5], 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	more["99999_more.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nALTER TABLE projects ADD COLUMN example text;\n")}
	return more, known
}

func TestAnOlderLayoutWithDataIsLeftToMigrate(t *testing.T) {
	t.Parallel()
	d, _ := prepared(t)
	newer := open(t, Options{URL: d.URL})
	more, known := aLayoutMore(t)
	newer.layouts = more
	loadOne(t, d, loadtest.Conversation("p", "c-1", loadtest.Noon))
	_, newerErr := newer.State(t.Context(), []load.Feed{feed})
	for _, err := range []error{newer.Prepare(t.Context()), newer.Check(t.Context()), newerErr} {
		if !errors.Is(err, load.ErrNeedsMigration) {
			t.Errorf("got %v, want ErrNeedsMigration", err)
		}
	}
	if s, err := newer.MigrationStatus(t.Context()); err != nil || s.Applied != known || s.Known != 99999 {
		t.Errorf("status %+v, %v", s, err)
	}
	if err := newer.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := newer.Prepare(t.Context()); err != nil {
		t.Errorf("Prepare after the migration: %v", err)
	}
	var tooNew *load.TooNewError
	_, stateErr := d.State(t.Context(), nil)
	for _, err := range []error{d.Prepare(t.Context()), d.Check(t.Context()), d.Migrate(t.Context()), stateErr} {
		if !errors.As(err, &tooNew) || tooNew.Found != 99999 || tooNew.Highest != known {
			t.Errorf("got %v, want a TooNewError", err)
		}
	}
}

func TestAnOlderLayoutWithoutDataIsTakenUp(t *testing.T) {
	t.Parallel()
	d, _ := prepared(t)
	newer := open(t, Options{URL: d.URL})
	newer.layouts, _ = aLayoutMore(t)
	if err := newer.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s, err := newer.MigrationStatus(t.Context()); err != nil || s.Applied != 99999 {
		t.Errorf("status %+v, %v", s, err)
	}
}

func TestAMigrationWaitsForTheWriter(t *testing.T) {
	t.Parallel()
	d, _ := prepared(t)
	w, err := d.Begin(t.Context(), load.Owner{RunID: "run-1"})
	if err != nil {
		t.Fatal(err)
	}
	more, _ := aLayoutMore(t)
	hasty, newer := withoutWaiting(t, d), open(t, Options{URL: d.URL})
	hasty.layouts, newer.layouts = more, more
	var locked *load.LockedError
	if err := hasty.Migrate(t.Context()); !errors.As(err, &locked) || locked.Owner.RunID != "run-1" {
		t.Errorf("while a writer runs: %v, want a LockedError", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := newer.Migrate(t.Context()); err != nil {
		t.Errorf("after the writer: %v", err)
	}
}

func TestTablesOfOthersAreNotTouched(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	pgtest.Exec(t, database, "CREATE SCHEMA polyai", "CREATE TABLE polyai.turns (mine int)")
	d := open(t, Options{URL: fixed(database)})
	wantState(t, d.Prepare(t.Context()), "use another schema")
	wantState(t, d.Check(t.Context()), "use another schema") // finds it before a run does
	if s, err := d.MigrationStatus(t.Context()); err != nil || s.Applied != 0 {
		t.Errorf("status %+v, %v", s, err)
	}
}

func TestSeveralMayPrepareAtOnce(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	results := make(chan error)
	for range 4 {
		d := open(t, Options{URL: fixed(database), Schema: `Calls & "more"`})
		go func() { results <- d.Prepare(t.Context()) }()
	}
	for range 4 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

// A database that was written by a build whose migrations had other numbers.
func TestMissingMigrations(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	more, known := aLayoutMore(t)
	delete(more, "99999_more.sql")
	for _, name := range []string{"00009_clocks.sql", "00010_holes.sql"} {
		if more[name] == nil {
			t.Fatalf("%s is no longer there: choose another one", name)
		}
		delete(more, name)
	}
	between := open(t, Options{URL: fixed(database)})
	between.layouts, between.declared = more, nil
	if err := between.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	d := open(t, Options{URL: fixed(database)})
	s, err := d.MigrationStatus(t.Context())
	if err != nil || s.Applied != known || !slices.Equal(s.Missing, []int64{9, 10}) {
		t.Errorf("status %+v, %v", s, err)
	}
	_, stateErr := d.State(t.Context(), []load.Feed{feed})
	for _, err := range []error{d.Check(t.Context()), d.Prepare(t.Context()), d.Migrate(t.Context()), stateErr} {
		wantState(t, err, "lacks 2 of the migrations")
		wantState(t, err, "(9, 10)")
		wantState(t, err, "convsync migrate --missing")
	}
	if err := d.MigrateMissing(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s, err := d.MigrationStatus(t.Context()); err != nil || s.Applied != known || len(s.Missing) > 0 {
		t.Errorf("afterwards: status %+v, %v", s, err)
	}
	loadOne(t, d, loadtest.Conversation("p", "c-1", loadtest.Noon))
	_, fresh := prepared(t)
	got, want := catalog(t, inSchema(t, database, "polyai")), catalog(t, inSchema(t, fresh, "polyai"))
	for _, tables := range []map[string]described{got, want} {
		for _, table := range tables {
			slices.Sort(table.columns) // columns of a later migration may come first
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the tables differ from those of a new schema: %v, want %v", got, want)
	}
}

// The missing migration was applied under another number.
func TestMissingMigrations_Renumbered(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	more, _ := aLayoutMore(t)
	more["00099_holes.sql"] = more["00010_holes.sql"]
	delete(more, "00010_holes.sql")
	delete(more, "99999_more.sql")
	between := open(t, Options{URL: fixed(database)})
	between.layouts = more
	if err := between.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	d := open(t, Options{URL: fixed(database)})
	d.layouts = maps.Clone(more)
	d.layouts.(fstest.MapFS)["00010_holes.sql"] = more["00099_holes.sql"]
	wantState(t, d.MigrateMissing(t.Context()), "nothing was lost: set destination.postgres.schema to a new name")
	if s, err := between.MigrationStatus(t.Context()); err != nil || s.Applied != 99 || len(s.Missing) > 0 {
		t.Errorf("it was changed: %+v, %v", s, err)
	}
}
