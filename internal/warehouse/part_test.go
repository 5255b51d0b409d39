package warehouse

import (
	"reflect"
	"slices"
	"testing"
)

// TestParts_Complete checks that every slice of rows is registered.
func TestParts_Complete(t *testing.T) {
	t.Parallel()
	for _, p := range Parts {
		p.Add(&Rows{}, p.NewRow()) // panics if the rows are of another type
	}
	fields := reflect.TypeFor[Rows]().NumField() - 1 // Digest has no table
	if registered := len(Members()); registered != fields {
		t.Errorf("Rows has %d fields, and %d of them are registered", fields, registered)
	}
	var all Rows
	for _, p := range Parts {
		p.Add(&all, p.NewRow())
	}
	for _, p := range Parts {
		if p.Len(&all) != 1 {
			t.Errorf("%s shares its field of Rows", p.Spec().Name)
		}
	}
}

func TestPart_Sort(t *testing.T) {
	t.Parallel()
	r := &Rows{
		Entities: []Entity{{TurnIndex: 1}, {Name: "é", Ordinal: 1}, {Name: "é"}, {Name: "Z"}},
		Audio:    []AudioReference{{Direction: "user"}, {Direction: "agent", Redacted: true}, {Direction: "agent"}},
	}
	want := &Rows{
		Entities: []Entity{{Name: "Z"}, {Name: "é"}, {Name: "é", Ordinal: 1}, {TurnIndex: 1}},
		Audio:    []AudioReference{{Direction: "agent"}, {Direction: "agent", Redacted: true}, {Direction: "user"}},
	}
	for _, p := range Parts {
		p.Sort(r)
	}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("sorted: %+v, want %+v", r, want)
	}
}

func TestPart_Tidy(t *testing.T) {
	t.Parallel()
	r := &Rows{Turns: []Turn{{TurnIndex: 2}, {TurnIndex: 1, UserInput: "first"}, {TurnIndex: 1, UserInput: "second"}}}
	for _, p := range Parts {
		p.Tidy(r)
	}
	if want := []Turn{{TurnIndex: 1, UserInput: "first"}, {TurnIndex: 2}}; !reflect.DeepEqual(r.Turns, want) || r.Audio != nil {
		t.Errorf("tidied: %+v, want %+v", r.Turns, want)
	}
}

func TestPart_Merge(t *testing.T) {
	t.Parallel()
	audio := Parts[slices.IndexFunc(Parts, func(p Part) bool { return p.Spec().Name == AudioReferences.Name })]
	stored := &Rows{Audio: []AudioReference{{Direction: "user", URL: "stored"}}}
	in := &Rows{Audio: []AudioReference{{Direction: "agent", URL: "in"}, {Direction: "user", URL: "in"}, {Direction: "agent", URL: "again"}}}
	audio.Merge(in, stored, in)
	if want := []AudioReference{{Direction: "user", URL: "stored"}, {Direction: "agent", URL: "in"}}; !reflect.DeepEqual(in.Audio, want) {
		t.Errorf("merged: %+v, want %+v", in.Audio, want)
	}
}

func TestRows_Clone(t *testing.T) {
	t.Parallel()
	r := &Rows{Turns: []Turn{{TurnIndex: 1}}, Audio: []AudioReference{{Direction: "user"}}}
	c := r.Clone()
	c.Turns[0].TurnIndex, c.Audio[0].Direction = 2, "agent"
	if r.Turns[0].TurnIndex != 1 || r.Audio[0].Direction != "user" {
		t.Errorf("a change of the clone changed the original: %+v", r)
	}
}

func TestPart_Label(t *testing.T) {
	t.Parallel()
	r := &Rows{Entities: []Entity{{TurnIndex: 3, Name: "a\nb", Ordinal: 1}}, Audio: []AudioReference{{Direction: "user", Redacted: true}}}
	var labels []string
	for _, p := range Parts {
		for i := range p.Len(r) {
			labels = append(labels, p.Label(p.Row(r, i)))
		}
	}
	if want := []string{`turn_entities 3 "a\nb" 1`, `audio_references "user" true`}; !slices.Equal(labels, want) {
		t.Errorf("labels: %q, want %q", labels, want)
	}
}
