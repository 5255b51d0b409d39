package polyai

import (
	"math"
	"strconv"
)

// field is a member that is being read, and where its raw value is stored if it cannot
// be read.
type field struct {
	d      *Decoder
	extra  *[]Member
	path   string // prefix of the name in the path of drift
	quoted token  // the name
	v      token
}

// keep stores the raw value in Extra and records drift.
func (f *field) keep(kind DriftKind) {
	f.keepKnown()
	f.drift(kind)
}

// keepKnown stores the raw value in Extra. It is for known fields without a field of
// their own.
func (f *field) keepKnown() {
	name, _ := f.d.Text(f.quoted.Value)
	*f.extra = append(*f.extra, Member{name, f.v.Value})
}

func (f *field) drift(kind DriftKind) {
	path := f.path
	if path != "turns[]" { // the path of the element itself
		name := f.quoted.Text()
		if kind == DriftUnknown {
			name = driftName(name)
		}
		path += name
	}
	f.d.c.Drift = append(f.d.c.Drift, Drift{Path: path, Type: f.v.Kind().String(), Length: len(f.v.Value), Kind: kind})
}

// text reads text. A number or a boolean becomes its text.
func (f *field) text() string {
	switch f.v.Kind() {
	case String:
		if f.v.plain {
			return f.d.Copy(f.v.Value[1 : len(f.v.Value)-1])
		}
		s, replaced := f.d.Text(f.v.Value)
		if replaced {
			f.drift(DriftReplaced)
		}
		return s
	case Number, Bool:
		return f.d.Copy(f.v.Value)
	case Object, Array:
		f.keep(DriftUnread)
	}
	return ""
}

func (f *field) float() Optional[float64] {
	n, ok := f.d.readFloat(f.v)
	if !ok {
		f.keep(DriftUnread)
	}
	return n
}

// readFloat reads a number or text with a number. ok is false for any other value.
func (d *Decoder) readFloat(v token) (n Optional[float64], ok bool) {
	switch v.Kind() {
	case Null, Absent:
		return n, true
	case Number, String:
		text := d.bytes(v)
		if len(text) == 0 {
			return n, true
		}
		if n.V, n.Valid = ParseNumber(text); n.Valid {
			return n, true
		}
	}
	return Optional[float64]{}, false
}

// integer reads a whole number, also as 73.0 and as "73".
func (f *field) integer() Optional[int64] {
	if f.v.Kind() == Number || f.v.Kind() == String {
		text := f.d.bytes(f.v)
		if n, err := strconv.ParseInt(string(text), 10, 64); err == nil && isNumber(text) {
			return Some(n)
		}
	}
	n, ok := f.d.readFloat(f.v)
	if ok && !n.Valid {
		return Optional[int64]{}
	}
	const exact = 1 << 53 // above it a float64 cannot represent every whole number
	if !ok || n.V != math.Trunc(n.V) || math.Abs(n.V) > exact {
		f.keep(DriftUnread)
		return Optional[int64]{}
	}
	return Some(int64(n.V))
}

func (f *field) bool() Optional[bool] {
	switch string(f.d.bytes(f.v)) {
	case "true", "True":
		return Some(true)
	case "false", "False":
		return Some(false)
	case "null", "":
		return Optional[bool]{}
	}
	f.keep(DriftUnread)
	return Optional[bool]{}
}

func (f *field) time() Optional[Micros] {
	if f.v.Kind() == Null {
		return Optional[Micros]{}
	}
	if f.v.Kind() == String {
		text := f.d.bytes(f.v)
		if len(text) == 0 {
			return Optional[Micros]{}
		}
		if at, ok := ParseTime(text); ok {
			return Some(at)
		}
	}
	f.keep(DriftUnread)
	return Optional[Micros]{}
}
