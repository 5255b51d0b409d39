package warehouse

// Column declares one column of a table whose rows are R.
type Column[R any] struct {
	Name   string
	Unit   string // "" if the value has none
	Doc    string // what the value means
	Source string // the API field that it comes from; "" if it comes from convsync
	// Volatile columns are not part of the content hash.
	Volatile bool
	// Ref returns a pointer to the column's field of a row. The Go type of the
	// field determines type and nullability of the column.
	Ref func(*R) any
}

// Table declares one table whose rows have the Go type R.
type Table[R any] struct {
	Name string
	Doc  string
	Key  []string // logical primary key, in order
	// ByStart is set for conversations and their parts, which are partitioned by
	// started_at: by month in Postgres, by project and UTC day in Parquet.
	ByStart bool
	Columns []Column[R]
}

// ColumnSpec describes a column, independent of the Go row type.
type ColumnSpec struct {
	Name     string `json:"name"`
	Type     Type   `json:"type"`
	Nullable bool   `json:"nullable"`
	Unit     string `json:"unit,omitempty"`
	Doc      string `json:"meaning"`
	Source   string `json:"source,omitempty"`
	Volatile bool   `json:"-"`
}

// Spec describes a view, or a table independent of its Go row type.
type Spec struct {
	Name    string       `json:"name"`
	Doc     string       `json:"meaning"`
	Key     []string     `json:"key"`
	ByStart bool         `json:"partitioned_by_start"`
	Columns []ColumnSpec `json:"columns"`
	// Select is the SELECT of a view, in SQL that works in Postgres and DuckDB.
	// Table names are not qualified. It is "" for a table.
	Select string `json:"-"`
}

// Spec returns the description of the table.
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
	return []Spec{
		Conversations.Spec(), Turns.Spec(), Entities.Spec(), Metrics.Spec(), AudioReferences.Spec(),
		Projects.Spec(), Changes.Spec(), SyncRuns.Spec(), SyncCoverage.Spec(), SyncWatermarks.Spec(),
		OpenConversations.Spec(), SyncLateness.Spec(), SyncRevealed.Spec(), SyncHoles.Spec(), Rejects.Spec(), SchemaDrift.Spec(), Erasures.Spec(), SyncLocks.Spec(),
		WebhookEvents.Spec(), ActiveAlerts.Spec(),
	}
}
