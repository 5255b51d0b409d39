package simulate

// fragment is JSON as it is sent, with the value that a warehouse should store.
// stored is "" if that is the same.
type fragment struct{ wire, stored string }

func (f *fragment) side(s side) string {
	if s == stored && f.stored != "" {
		return f.stored
	}
	return f.wire
}

// member is a field without a column.
type member struct {
	name string // needs no escapes
	fragment
}

func (m *member) append(dst []byte, s side) []byte {
	dst = append(append(append(dst, '"'), m.name...), `":`...)
	return append(dst, m.side(s)...)
}

// oddText is a text whose JSON differs from the stored value.
type oddText struct {
	wire   string // with its quotes
	stored string
}

// listForm is JSON of a list of intents, with the stored list; nil: NULL.
type listForm struct {
	wire   string
	stored []string
}

// entityForm is JSON of a turn's entities, with the expected rows in the order of
// names and then of values. A nil value is NULL.
type entityForm struct {
	wire string
	rows []entityRow
}

type entityRow struct {
	name  string
	value any
}

// metricForm is JSON of a metric's value, with the expected rows.
type metricForm struct {
	name string
	fragment
	rows []metricRow
}

func (f *metricForm) append(dst []byte, s side) []byte { return append(dst, f.side(s)...) }

// metricRow is a row of metrics. The value is a string or nil; nil is NULL.
type metricRow struct{ value, number, boolean, at, recorded any }

// scored has the fields that only a scored conversation has.
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
