package simulate

// fragment is JSON as it is sent, with what a warehouse should hold for it.
// stored is "" where that is the same.
type fragment struct{ wire, stored string }

func (f *fragment) side(s side) string {
	if s == stored && f.stored != "" {
		return f.stored
	}
	return f.wire
}

// member is a field that has no column.
type member struct {
	name string // needs no escapes
	fragment
}

func (m *member) append(dst []byte, s side) []byte {
	dst = append(append(append(dst, '"'), m.name...), `":`...)
	return append(dst, m.side(s)...)
}

// oddText is a text that is not sent as it is stored.
type oddText struct {
	wire   string // with its quotes
	stored string
}

// listForm is a list of intents with the stored list; nil is NULL.
type listForm struct {
	wire   string
	stored []string
}

// entityForm is a turn's entities with the rows that they make, in the order
// of names and then of values. A nil value is NULL.
type entityForm struct {
	wire string
	rows []entityRow
}

type entityRow struct {
	name  string
	value any
}

// metricForm is a metric's value with the rows that it makes.
type metricForm struct {
	name string
	fragment
	rows []metricRow
}

func (f *metricForm) append(dst []byte, s side) []byte { return append(dst, f.side(s)...) }

// metricRow has a string or nil as value; the others are as in the table, nil for NULL.
type metricRow struct{ value, number, boolean, at, recorded any }

// scored is what a conversation that was scored has beyond the others.
type scored struct {
	wire             string // members, each with a comma before it
	polyScore        any    // float64 or nil
	heading, summary any    // string or nil
	tags             []string
	language         any
	direction        any
	deployment       any
}

func (s *scored) append(dst []byte) []byte {
	if s == nil {
		return dst
	}
	return append(dst, s.wire...)
}
