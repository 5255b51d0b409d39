package warehouse

// Column declares one column of a table whose rows are R.
type Column[R any] struct {
	Name   string
	Unit   string // "" where the name or the type says it all
	Doc    string // what the value means
	Source string // the field of the API that it comes from; "" for our own
	// Volatile columns are no content: they are left out of the content hash.
	Volatile bool
	// Ref points at the column's field of a row; the field's Go type is the
	// column's type and nullability.
	Ref func(*R) any
}

// Table declares one table, with its rows as Go type R.
type Table[R any] struct {
	Name string
	Doc  string
	Key  []string // logical primary key, in order
	// ByStart tables hold conversations or their parts: they are partitioned
	// by started_at (Postgres: month; Parquet: project and UTC day).
	ByStart bool
	Columns []Column[R]
}

// ColumnSpec describes a column without its Go row type.
type ColumnSpec struct {
	Name     string `json:"name"`
	Type     Type   `json:"type"`
	Nullable bool   `json:"nullable"`
	Unit     string `json:"unit,omitempty"`
	Doc      string `json:"meaning"`
	Source   string `json:"source,omitempty"`
	Volatile bool   `json:"-"`
}

// Spec describes a table without its Go row type, or a view.
type Spec struct {
	Name    string       `json:"name"`
	Doc     string       `json:"meaning"`
	Key     []string     `json:"key"`
	ByStart bool         `json:"partitioned_by_start"`
	Columns []ColumnSpec `json:"columns"`
	// Select is what a view shows, in SQL that Postgres and DuckDB take alike,
	// with the tables unqualified; "" for a table.
	Select string `json:"-"`
}

// Spec describes the table.
func (t *Table[R]) Spec() Spec {
	s := Spec{Name: t.Name, Doc: t.Doc, Key: t.Key, ByStart: t.ByStart}
	var row R
	for i := range t.Columns {
		c := &t.Columns[i]
		typ, nullable := typeOf(c.Ref(&row))
		s.Columns = append(s.Columns, ColumnSpec{
			Name: c.Name, Type: typ, Nullable: nullable,
			Unit: c.Unit, Doc: c.Doc, Source: c.Source, Volatile: c.Volatile,
		})
	}
	return s
}

// Names lists the columns in order.
func (t *Table[R]) Names() []string {
	names := make([]string, len(t.Columns))
	for i := range t.Columns {
		names[i] = t.Columns[i].Name
	}
	return names
}

// Specs describes every table, the contract's own order: what analysts read
// first, then the sync's own tables.
func Specs() []Spec {
	return []Spec{
		Conversations.Spec(), Turns.Spec(), Entities.Spec(), Metrics.Spec(), AudioReferences.Spec(),
		Projects.Spec(), Changes.Spec(), SyncRuns.Spec(), SyncCoverage.Spec(), SyncWatermarks.Spec(),
		OpenConversations.Spec(), SyncLateness.Spec(), SyncRevealed.Spec(), SyncHoles.Spec(), Rejects.Spec(), SchemaDrift.Spec(), Erasures.Spec(), SyncLocks.Spec(),
		WebhookEvents.Spec(), ActiveAlerts.Spec(),
	}
}
