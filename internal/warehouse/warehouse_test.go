package warehouse

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawRow draws a value for each field of a row, including NULL.
func drawRow[R any](t *rapid.T, table *Table[R]) R {
	var row R
	text := rapid.StringMatching(`[a-zé"\\\x00-\x1f]{0,12}`)
	for i := range table.Columns {
		switch f := table.Columns[i].Ref(&row).(type) {
		case *string:
			*f = text.Draw(t, "text")
		case *Text:
			*f = Text(text.Draw(t, "nullable text"))
		case *JSON:
			*f = JSON(rapid.SampledFrom([]string{"", `{"a":1.50}`, `[1,"x"]`, `"1e3"`}).Draw(t, "json"))
		case *List:
			*f = List(rapid.SampledFrom([][]string{nil, {}, {""}, {"a", "b"}}).Draw(t, "list"))
		case *int64:
			*f = rapid.Int64().Draw(t, "int")
		case *Null[int64]:
			*f = Null[int64]{Valid: rapid.Bool().Draw(t, "valid")}
			if f.Valid {
				f.V = rapid.Int64().Draw(t, "int")
			}
		case *Null[float64]:
			*f = Null[float64]{Valid: rapid.Bool().Draw(t, "valid")}
			if f.Valid {
				f.V = rapid.Float64().Draw(t, "float")
			}
		case *bool:
			*f = rapid.Bool().Draw(t, "bool")
		case *Null[bool]:
			*f = rapid.SampledFrom([]Null[bool]{{}, Some(false), Some(true)}).Draw(t, "bool")
		case *Timestamp:
			*f = Timestamp(rapid.Int64().Draw(t, "time"))
		case *Null[Timestamp]:
			*f = rapid.SampledFrom([]Null[Timestamp]{{}, Some(Timestamp(-1)), Some(Timestamp(math.MaxInt64))}).Draw(t, "time")
		}
	}
	return row
}

func drawRows(t *rapid.T) *Rows {
	r := &Rows{Conversation: drawRow(t, &Conversations)}
	for range rapid.IntRange(0, 3).Draw(t, "turns") {
		r.Turns = append(r.Turns, drawRow(t, &Turns))
	}
	for range rapid.IntRange(0, 3).Draw(t, "entities") {
		r.Entities = append(r.Entities, drawRow(t, &Entities))
	}
	for range rapid.IntRange(0, 3).Draw(t, "metrics") {
		r.Metrics = append(r.Metrics, drawRow(t, &Metrics))
	}
	for range rapid.IntRange(0, 1).Draw(t, "audio") {
		r.Audio = append(r.Audio, drawRow(t, &AudioReferences))
	}
	for _, p := range Parts {
		p.Bind(r) // as in all rows of a conversation
	}
	return r
}

func TestRows_AppendDecode(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawRows(t)
		var out Rows
		if err := out.Decode(string(in.Append(nil))); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(*in, out) {
			t.Fatalf("decoded %+v, want %+v", out, *in)
		}
	})
}

func TestRows_DecodeTruncated(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		whole := drawRows(t).Append(nil)
		cut := rapid.IntRange(0, len(whole)-1).Draw(t, "cut")
		var out Rows
		if out.Decode(string(whole[:cut])) == nil {
			t.Fatalf("rows truncated to %d of %d bytes were accepted", cut, len(whole))
		}
	})
}

func FuzzRowsDecode(f *testing.F) {
	f.Add((&Rows{Turns: make([]Turn, 2)}).Append(nil))
	f.Fuzz(func(_ *testing.T, b []byte) {
		var out Rows
		_ = out.Decode(string(b)) // must not panic, or allocate without limit
	})
}

func TestHash_Columns(t *testing.T) {
	t.Parallel()
	checkHash(t, &Conversations, func(r *Rows) *Conversation { return &r.Conversation })
	checkHash(t, &Turns, func(r *Rows) *Turn { return &r.Turns[0] })
	checkHash(t, &Entities, func(r *Rows) *Entity { return &r.Entities[0] })
	checkHash(t, &Metrics, func(r *Rows) *Metric { return &r.Metrics[0] })

	r := &Rows{}
	before := r.Hash()
	r.Audio = []AudioReference{{Direction: "combined"}}
	if r.Hash() != before {
		t.Error("an audio reference changed the content hash")
	}
	volatile := []string{"lifecycle", "api_version", "content_hash", "shape", "missing_since", "first_seen_at", "updated_at", "run_id"}
	var got []string
	for _, c := range Conversations.Columns {
		if c.Volatile {
			got = append(got, c.Name)
		}
	}
	if !slices.Equal(got, volatile) {
		t.Errorf("volatile columns of conversations are %v, want %v", got, volatile)
	}
}

func checkHash[R any](t *testing.T, table *Table[R], pick func(*Rows) *R) {
	t.Helper()
	for i := range table.Columns {
		c := &table.Columns[i]
		r := &Rows{Turns: make([]Turn, 1), Entities: make([]Entity, 1), Metrics: make([]Metric, 1)}
		before := r.Hash()
		setNonZero(c.Ref(pick(r)))
		if changed := r.Hash() != before; changed == c.Volatile {
			t.Errorf("%s.%s: hash changed = %v, volatile = %v", table.Name, c.Name, changed, c.Volatile)
		}
	}
}

func setNonZero(field any) {
	switch f := field.(type) {
	case *string:
		*f = "x"
	case *Text:
		*f = "x"
	case *JSON:
		*f = "1"
	case *List:
		*f = List{}
	case *int64:
		*f = 1
	case *Null[int64]:
		*f = Some(int64(0))
	case *Null[float64]:
		*f = Some(0.0)
	case *bool:
		*f = true
	case *Null[bool]:
		*f = Some(false)
	case *Timestamp:
		*f = 1
	case *Null[Timestamp]:
		*f = Some(Timestamp(0))
	}
}

func TestHash_JSONNumbers(t *testing.T) {
	t.Parallel()
	hash := func(json string) string {
		return (&Rows{Conversation: Conversation{State: JSON(json)}}).Hash()
	}
	for _, same := range [][2]string{
		{`1.50`, `15e-1`}, {`1000`, `1e3`}, {`-0`, `0.00`}, {`0.00120`, `1.2E-3`}, {`{"a":[10,"1.0"]}`, `{"a":[1e+1,"1.0"]}`},
	} {
		if hash(same[0]) != hash(same[1]) {
			t.Errorf("%s and %s are equal but have different hashes", same[0], same[1])
		}
	}
	for _, apart := range [][2]string{{`1`, `-1`}, {`1`, `10`}, {`"1"`, `1`}, {`"1.0"`, `"1.00"`}, {`[1,2]`, `[12]`}, {`0`, `null`}} {
		if hash(apart[0]) == hash(apart[1]) {
			t.Errorf("%s and %s differ but have the same hash", apart[0], apart[1])
		}
	}
}

func TestDeclarations(t *testing.T) {
	t.Parallel()
	for _, s := range append(Specs(), Views(Postgres)...) {
		if !slices.Contains([]Audience{ForAnalysts, ForOperators, ForConvsync}, s.For) {
			t.Errorf("%s does not say for whom it is", s.Name)
		}
		seen := map[string]bool{}
		for _, c := range s.Columns {
			if seen[c.Name] {
				t.Errorf("%s.%s is declared twice", s.Name, c.Name)
			}
			seen[c.Name] = true
			if c.Doc == "" || c.Name != strings.ToLower(c.Name) {
				t.Errorf("%s.%s needs a description and a lower-case name", s.Name, c.Name)
			}
			if strings.HasSuffix(c.Name, "_seconds") != (c.Unit == "s") {
				t.Errorf("%s.%s: the unit %q does not match the name", s.Name, c.Name, c.Unit)
			}
		}
		for _, k := range s.Key {
			if i := slices.IndexFunc(s.Columns, func(c ColumnSpec) bool { return c.Name == k }); i < 0 || s.Columns[i].Nullable && s.Select == "" {
				t.Errorf("%s: key column %s is not declared, or is nullable", s.Name, k)
			}
		}
		if s.ByStart && !seen["started_at"] {
			t.Errorf("%s is partitioned by started_at, but has no such column", s.Name)
		}
	}
	refs := map[any]string{}
	var c Conversation
	for _, col := range Conversations.Columns {
		p := col.Ref(&c)
		if other, ok := refs[p]; ok {
			t.Errorf("conversations.%s and .%s refer to the same field", col.Name, other)
		}
		refs[p] = col.Name
	}
	if n := reflect.TypeOf(c).NumField(); n != len(refs) {
		t.Errorf("Conversation has %d fields but %d columns", n, len(refs))
	}
}
