package polyai

import (
	"math"
	"strconv"
)

type plainField struct {
	d      *plainDecoder
	extra  *[]Member
	path   string // prefix of the name in the path of drift
	quoted Value  // the name
	v      Value
}

func (f *plainField) keep(kind DriftKind) {
	f.keepKnown()
	f.drift(kind)
}

func (f *plainField) keepKnown() {
	*f.extra = append(*f.extra, Member{f.quoted.Text(), f.v})
}

func (f *plainField) drift(kind DriftKind) {
	path := f.path
	if path != "turns[]" { // the path of the element itself
		name := f.quoted.Text()
		if kind == DriftUnknown {
			name = driftName(name)
		}
		path += name
	}
	f.d.c.Drift = append(f.d.c.Drift, Drift{Path: path, Type: f.v.Kind().String(), Length: len(f.v), Kind: kind})
}

func (f *plainField) text() string {
	switch f.v.Kind() {
	case String:
		s, replaced := f.v.TextReplaced()
		if replaced {
			f.drift(DriftReplaced)
		}
		return s
	case Number, Bool:
		return string(f.v)
	case Object, Array:
		f.keep(DriftUnread)
	}
	return ""
}

func (f *plainField) float() Optional[float64] {
	n, ok := plainFloat(f.v)
	if !ok {
		f.keep(DriftUnread)
	}
	return n
}

func plainFloat(v Value) (n Optional[float64], ok bool) {
	switch v.Kind() {
	case Null, Absent:
		return n, true
	case Number, String:
		text := v.Text()
		if text == "" {
			return n, true
		}
		if n.V, n.Valid = ParseNumber(text); n.Valid {
			return n, true
		}
	}
	return Optional[float64]{}, false
}

func (f *plainField) integer() Optional[int64] {
	if f.v.Kind() == Number || f.v.Kind() == String {
		if n, err := strconv.ParseInt(f.v.Text(), 10, 64); err == nil && isNumber(f.v.Text()) {
			return Some(n)
		}
	}
	n, ok := plainFloat(f.v)
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

func (f *plainField) bool() Optional[bool] {
	switch f.v.Text() {
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

func (f *plainField) time() Optional[Micros] {
	if f.v.Kind() == Null {
		return Optional[Micros]{}
	}
	text := f.v.Text()
	if f.v.Kind() == String && text == "" {
		return Optional[Micros]{}
	}
	if at, ok := ParseTime(text); ok && f.v.Kind() == String {
		return Some(at)
	}
	f.keep(DriftUnread)
	return Optional[Micros]{}
}

type plainSpellings [3]struct{ quoted, v Value }

func (s *plainSpellings) note(spelling int, f *plainField) {
	s[spelling].quoted, s[spelling].v = f.quoted, f.v
}

func (d *plainDecoder) resolve() {
	c := d.c
	c.Environment = plainChoose(d, &d.environment, (*plainField).text)
	c.DeploymentID = plainChoose(d, &d.deployment, (*plainField).text)
	c.FinishedAt = plainChoose(d, &d.finished, (*plainField).time)
	c.PolyScore = plainChoose(d, &d.score, (*plainField).float)
	d.summary()
}

func plainChoose[T comparable](d *plainDecoder, s *plainSpellings, read func(*plainField) T) (chosen T) {
	var nothing T
	for i := range s {
		if s[i].v.Kind() == Absent {
			continue
		}
		f := plainField{d: d, extra: &d.c.Extra, quoted: s[i].quoted, v: s[i].v}
		switch v := read(&f); {
		case v == nothing || v == chosen:
		case chosen == nothing:
			chosen = v
		default:
			f.keep(DriftSpelling)
		}
	}
	return chosen
}

func (d *plainDecoder) summary() {
	c := d.c
	for i := range d.summaries {
		f := plainField{d: d, extra: &c.Extra, quoted: d.summaries[i].quoted, v: d.summaries[i].v}
		if f.v.Kind() == Absent {
			continue
		}
		heading, content, whole := f.summary()
		differs := !plainFill(&c.SummaryHeading, heading)
		differs = !plainFill(&c.Summary, content) || differs
		switch {
		case !whole:
			f.keep(DriftUnread)
		case differs:
			f.keep(DriftSpelling)
		}
	}
}

func plainFill(into *string, v string) bool {
	if *into == "" {
		*into = v
	}
	return v == "" || v == *into
}

func (f *plainField) summary() (heading, content string, whole bool) {
	if f.v.Kind() != Object {
		return "", f.text(), true
	}
	whole = true
	for name, value := range f.v.Members() {
		part := plainField{d: f.d, extra: f.extra, quoted: f.quoted, v: value}
		switch {
		case name == "heading" && value.scalar():
			heading = part.text()
		case name == "content" && value.scalar():
			content = part.text()
		default:
			whole = false
		}
	}
	return heading, content, whole
}
