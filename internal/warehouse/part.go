package warehouse

import (
	"cmp"
	"slices"
	"sort"
	"strconv"
)

// AnyTable is a [Table] for code that does not know its row type. Rows are
// passed as pointers to that type, such as *Turn.
type AnyTable interface {
	Spec() Spec
	// Fields appends to dst pointers to the fields of a row that have the given
	// indexes in the table's columns.
	Fields(dst []any, row any, columns []int) []any
	// NewRow returns an empty row.
	NewRow() any
	// NewBuffer returns an empty buffer for rows.
	NewBuffer() Buffer
}

// Buffer is memory for rows of an [AnyTable].
type Buffer interface {
	Reset(n int)    // makes it hold n empty rows
	Append(row any) // appends a copy of the row
	Len() int
	Row(i int) any
	Field(i, column int) any // a pointer to the field of row i that has this index in the table's columns
}

// Fields implements [AnyTable].
func (t *Table[R]) Fields(dst []any, row any, columns []int) []any {
	r, all := row.(*R), t.Columns
	n := len(dst)
	dst = slices.Grow(dst, len(columns))[:n+len(columns)]
	for j, field := 0, dst[n:]; j < len(field) && j < len(columns); j++ {
		field[j] = all[columns[j]].Ref(r)
	}
	return dst
}

// NewRow implements [AnyTable].
func (t *Table[R]) NewRow() any { return new(R) }

// NewBuffer implements [AnyTable].
func (t *Table[R]) NewBuffer() Buffer { return &buffer[R]{columns: t.Columns} }

type buffer[R any] struct {
	columns []Column[R]
	rows    []R
}

func (b *buffer[R]) Reset(n int) {
	clear(b.rows) // no text of earlier rows stays in memory
	if cap(b.rows) < n {
		b.rows = make([]R, n)
	}
	b.rows = b.rows[:n]
	clear(b.rows)
}

func (b *buffer[R]) Append(row any)          { b.rows = append(b.rows, *row.(*R)) }
func (b *buffer[R]) Len() int                { return len(b.rows) }
func (b *buffer[R]) Row(i int) any           { return &b.rows[i] }
func (b *buffer[R]) Field(i, column int) any { return b.columns[column].Ref(&b.rows[i]) }

// Member is a table with rows of a conversation: its own row, or a part.
type Member interface {
	AnyTable
	Len(r *Rows) int
	Row(r *Rows, i int) any
}

// Part is a table whose rows belong to a conversation, and how [Rows] holds
// them. The order of rows is that of their keys.
type Part interface {
	Member
	AddsOnly() bool                             // whether it is additive, see [Table]
	Owner(row any) (id string, start Timestamp) // of the row's conversation
	Label(row any) string                       // table and key within the conversation, as text without line breaks
	Add(r *Rows, row any)                       // appends a copy of the row
	AddAll(r, from *Rows)                       // appends copies of the rows of from
	Clear(r *Rows)                              // removes the rows and keeps their memory
	Bind(r *Rows)                               // sets project, id and start to those of the conversation
	Sort(r *Rows)                               // stable
	Tidy(r *Rows)                               // sorts, and keeps the first row of each key
	Merge(r, first, second *Rows)               // makes r hold the rows of first, and those of second with other keys
	detach(r *Rows)                             // replaces the rows by a copy
	append(dst []byte, r *Rows) []byte          // as [Rows.Append]
	decode(d *decoder, r *Rows)                 // as [Rows.Decode]
	appendContent(dst []byte, r *Rows) []byte   // as [Rows.Hash]
}

// Members returns the tables of a conversation: [Conversations] and the [Parts].
func Members() []Member {
	members := []Member{ownRow{&Conversations}}
	for _, p := range Parts {
		members = append(members, p)
	}
	return members
}

// ownRow is the conversation's own row as a table with one row.
type ownRow struct{ *Table[Conversation] }

func (ownRow) Len(*Rows) int          { return 1 }
func (ownRow) Row(r *Rows, _ int) any { return &r.Conversation }

// part implements [Part].
type part[R any] struct {
	*Table[R]
	rows        func(*Rows) *[]R
	project, id func(*R) *string
	start       func(*R) *Timestamp
	key         []func(*R) any      // the columns of the key within a conversation
	order       []func(a, b *R) int // by each of them
}

// boundColumns are those of a part that [Part.Bind] sets: project, id and start of the
// conversation.
var boundColumns = [...]string{"project_id", "conversation_id", "started_at"}

func partOf[R any](t *Table[R], rows func(*Rows) *[]R) Part {
	p := &part[R]{
		Table:   t,
		rows:    rows,
		project: access[R, string](t, boundColumns[0]),
		id:      access[R, string](t, boundColumns[1]),
		start:   access[R, Timestamp](t, boundColumns[2]),
	}
	for _, name := range t.Key[2:] { // after project and id
		ref := t.Columns[slices.Index(t.Names(), name)].Ref
		p.key, p.order = append(p.key, ref), append(p.order, comparer(ref))
	}
	return p
}

// access returns a function that returns a pointer to the named field.
func access[R, T any](t *Table[R], name string) func(*R) *T {
	i := slices.Index(t.Names(), name)
	ref := t.Columns[i].Ref
	return func(r *R) *T { return ref(r).(*T) }
}

// comparer returns a function that compares rows by a column of the key.
func comparer[R any](ref func(*R) any) func(a, b *R) int {
	var row R
	switch ref(&row).(type) {
	case *string:
		return func(a, b *R) int { return cmp.Compare(*ref(a).(*string), *ref(b).(*string)) }
	case *int64:
		return func(a, b *R) int { return cmp.Compare(*ref(a).(*int64), *ref(b).(*int64)) }
	case *bool:
		return func(a, b *R) int { return int(boolByte(*ref(a).(*bool))) - int(boolByte(*ref(b).(*bool))) }
	}
	panic("warehouse: a column of a key has a type that no key can have")
}

func (p *part[R]) compare(a, b *R) int {
	for _, by := range p.order {
		if n := by(a, b); n != 0 {
			return n
		}
	}
	return 0
}

func (p *part[R]) AddsOnly() bool         { return p.Additive }
func (p *part[R]) Len(r *Rows) int        { return len(*p.rows(r)) }
func (p *part[R]) Row(r *Rows, i int) any { return &(*p.rows(r))[i] }

func (p *part[R]) Owner(row any) (id string, start Timestamp) {
	r := row.(*R)
	return *p.id(r), *p.start(r)
}

func (p *part[R]) Label(row any) string {
	label := p.Name
	for _, ref := range p.key {
		switch f := ref(row.(*R)).(type) {
		case *string:
			label += " " + strconv.Quote(*f)
		case *int64:
			label += " " + strconv.FormatInt(*f, 10)
		case *bool:
			label += " " + strconv.FormatBool(*f)
		}
	}
	return label
}

func (p *part[R]) Add(r *Rows, row any) {
	rows := p.rows(r)
	*rows = append(*rows, *row.(*R))
}

func (p *part[R]) AddAll(r, from *Rows) {
	rows := p.rows(r)
	*rows = append(*rows, *p.rows(from)...)
}

func (p *part[R]) Clear(r *Rows) {
	rows := p.rows(r)
	*rows = (*rows)[:0]
}

func (p *part[R]) Bind(r *Rows) {
	c, rows := &r.Conversation, *p.rows(r)
	for i := range rows {
		*p.project(&rows[i]), *p.id(&rows[i]), *p.start(&rows[i]) = c.ProjectID, c.ConversationID, c.StartedAt
	}
}

func (p *part[R]) Sort(r *Rows) {
	rows := *p.rows(r)
	for i := 1; i < len(rows); i++ {
		if p.compare(&rows[i-1], &rows[i]) > 0 {
			sort.SliceStable(rows, func(i, j int) bool { return p.compare(&rows[i], &rows[j]) < 0 })
			return
		}
	}
}

func (p *part[R]) Tidy(r *Rows) {
	p.Sort(r)
	rows := *p.rows(r)
	kept := rows[:min(1, len(rows))]
	for i := 1; i < len(rows); i++ {
		if p.compare(&kept[len(kept)-1], &rows[i]) != 0 {
			kept = append(kept, rows[i])
		}
	}
	clear(rows[len(kept):])
	*p.rows(r) = kept
}

func (p *part[R]) Merge(r, first, second *Rows) {
	merged, added := slices.Clone(*p.rows(first)), *p.rows(second)
	for i := range added {
		known := false
		for j := range merged {
			known = known || p.compare(&merged[j], &added[i]) == 0
		}
		if !known {
			merged = append(merged, added[i])
		}
	}
	*p.rows(r) = merged
}

func (p *part[R]) detach(r *Rows) { *p.rows(r) = slices.Clone(*p.rows(r)) }

func (p *part[R]) append(dst []byte, r *Rows) []byte { return appendRows(dst, p.Table, *p.rows(r)) }

func (p *part[R]) decode(d *decoder, r *Rows) {
	decodeRows(d, p.Table, p.rows(r))
	p.Bind(r)
}

func (p *part[R]) appendContent(dst []byte, r *Rows) []byte {
	return appendContents(dst, p.Table, *p.rows(r))
}
