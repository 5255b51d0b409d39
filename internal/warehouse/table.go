package warehouse

import "slices"

// Column declares one column of a table whose rows are R.
type Column[R any] struct {
	Name   string
	Unit   string // "" if the value has none
	Doc    string // what the value means
	Source string // the API field that it comes from; "" if it comes from convsync
	// Volatile columns are not part of the content hash.
	Volatile bool
	Repeats  bool     // values occur again and again: a dictionary makes the stored column smaller
	Near     bool     // values are near that of the row before: their differences make the stored column smaller
	FreeText bool     // text that people write or say: statistics over it are of no use to a reader
	Values   []string // all values that the column can have, except NULL; nil if they are not limited
	// Ref returns a pointer to the column's field of a row. The Go type of the
	// field determines type and nullability of the column.
	Ref func(*R) any
}

// Table declares one table whose rows have the Go type R.
type Table[R any] struct {
	Name string
	Doc  string
	For  Audience
	Key  []string // logical primary key, in order
	// ByStart is set for conversations and their parts, which are partitioned by
	// started_at: by month in Postgres, by project and month in Parquet, in files of one or more UTC days.
	ByStart bool
	// Additive is set for a part that is not replaced with its conversation and is
	// not part of the content hash: a loader adds rows that are not stored yet, and
	// leaves the others unchanged.
	Additive bool
	Columns  []Column[R]
}

// ColumnSpec describes a column, independent of the Go row type.
type ColumnSpec struct {
	Name     string   `json:"name"`
	Type     Type     `json:"type"`
	Nullable bool     `json:"nullable"`
	Unit     string   `json:"unit,omitempty"`
	Doc      string   `json:"meaning"`
	Source   string   `json:"source,omitempty"`
	Values   []string `json:"values,omitempty"` // all values, except NULL; nil if they are not limited
	Volatile bool     `json:"-"`
	Repeats  bool     `json:"-"`
	Near     bool     `json:"-"`
	FreeText bool     `json:"-"`
}

// Spec describes a view, or a table independent of its Go row type.
type Spec struct {
	Name    string       `json:"name"`
	Doc     string       `json:"meaning"`
	For     Audience     `json:"for"`
	Key     []string     `json:"key"`
	ByStart bool         `json:"partitioned_by_start"`
	Columns []ColumnSpec `json:"columns"`
	// Select is the SELECT of a view, in the dialect that was asked for. Table names
	// are not qualified. It is "" for a table.
	Select string `json:"-"`
}

// Spec returns the description of the table.
func (t *Table[R]) Spec() Spec {
	s := Spec{
		Name:    t.Name,
		Doc:     t.Doc,
		For:     t.For,
		Key:     t.Key,
		ByStart: t.ByStart,
	}
	var row R
	for i := range t.Columns {
		c := &t.Columns[i]
		typ, nullable := typeOf(c.Ref(&row))
		s.Columns = append(s.Columns, ColumnSpec{
			Name:     c.Name,
			Type:     typ,
			Nullable: nullable,
			Unit:     c.Unit,
			Doc:      c.Doc,
			Source:   c.Source,
			Volatile: c.Volatile,
			Repeats:  c.Repeats,
			Near:     c.Near,
			FreeText: c.FreeText,
			Values:   c.Values,
		})
	}
	return s
}

// Find returns the indexes of the named columns. It panics if there is no such
// column.
func (s *Spec) Find(names ...string) []int {
	found := make([]int, len(names))
	for i, name := range names {
		if found[i] = slices.IndexFunc(s.Columns, func(c ColumnSpec) bool { return c.Name == name }); found[i] < 0 {
			panic("warehouse: " + s.Name + " has no column " + name)
		}
	}
	return found
}

// Names returns the names of the columns in order.
func (s *Spec) Names() []string {
	names := make([]string, len(s.Columns))
	for i := range s.Columns {
		names[i] = s.Columns[i].Name
	}
	return names
}

// Names returns the names of the columns in order.
func (t *Table[R]) Names() []string {
	names := make([]string, len(t.Columns))
	for i := range t.Columns {
		names[i] = t.Columns[i].Name
	}
	return names
}

// Specs returns the descriptions of all tables: first those that analysts read,
// then those that convsync keeps about its runs.
func Specs() []Spec {
	var specs []Spec
	for _, m := range Members() {
		specs = append(specs, m.Spec())
	}
	return append(specs,
		Projects.Spec(), Changes.Spec(), SyncRuns.Spec(), SyncCoverage.Spec(), SyncWatermarks.Spec(),
		OpenConversations.Spec(), SyncLateness.Spec(), SyncRevealed.Spec(), SyncHoles.Spec(), Rejects.Spec(), SchemaDrift.Spec(), Erasures.Spec(), SyncLocks.Spec(), SyncRecordings.Spec(),
		WebhookEvents.Spec(), ActiveAlerts.Spec(),
	)
}
