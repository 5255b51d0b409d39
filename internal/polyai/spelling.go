package polyai

// spellings has the values of a field that the source spells in more than one way, one
// per spelling. The documented spelling is the first. If a spelling occurs twice, the
// last value counts.
type spellings [3]struct{ quoted, v token }

func (s *spellings) note(spelling int, f *field) {
	s[spelling].quoted, s[spelling].v = f.quoted, f.v
}

// resolve sets the fields that have several spellings.
func (d *Decoder) resolve() {
	c := &d.c
	c.Environment = choose(d, &d.environment, (*field).text)
	c.DeploymentID = choose(d, &d.deployment, (*field).text)
	c.FinishedAt = choose(d, &d.finished, (*field).time)
	c.PolyScore = choose(d, &d.score, (*field).float)
	d.summary()
}

// choose returns the value of the first spelling that is not null, empty or unreadable. A
// different value of a later spelling is stored in Extra.
func choose[T comparable](d *Decoder, s *spellings, read func(*field) T) (chosen T) {
	var nothing T
	for i := range s {
		if s[i].v.Kind() == Absent {
			continue
		}
		// The compiler cannot see that read forgets the field, so a local one would be an
		// allocation.
		f := &d.choice
		*f = field{d: d, extra: &d.c.Extra, quoted: s[i].quoted, v: s[i].v}
		switch v := read(f); {
		case v == nothing || v == chosen:
		case chosen == nothing:
			chosen = v
		default:
			f.keep(DriftSpelling)
		}
	}
	return chosen
}

// summary sets the summary and its heading, each from the first spelling that
// has it. A summary is text, or {"heading": …, "content": …}.
func (d *Decoder) summary() {
	c := &d.c
	for i := range d.summaries {
		f := &field{d: d, extra: &c.Extra, quoted: d.summaries[i].quoted, v: d.summaries[i].v}
		if f.v.Kind() == Absent {
			continue
		}
		heading, content, whole := f.summary()
		differs := !fill(&c.SummaryHeading, heading)
		differs = !fill(&c.Summary, content) || differs
		switch {
		case !whole:
			f.keep(DriftUnread)
		case differs:
			f.keep(DriftSpelling)
		}
	}
}

// fill sets text that is not set yet. It returns false if v differs from the text.
func fill(into *string, v string) bool {
	if *into == "" {
		*into = v
	}
	return v == "" || v == *into
}

// summary reads the two parts of a summary. whole is false if it has other parts.
func (f *field) summary() (heading, content string, whole bool) {
	if f.v.Kind() != Object {
		return "", f.text(), true
	}
	whole = true
	for name, value := range f.v.Members() {
		part := field{d: f.d, extra: f.extra, quoted: f.quoted, v: token{Value: value}}
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
