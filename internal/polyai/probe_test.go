package polyai

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// probe scans a text that arrives in parts of n bytes, and returns where a well-formed
// object ends and its values; 0 if there is none.
func probe(text []byte, n int) (end, values int) {
	var p prober
	for read := min(n, len(text)); ; read = min(read+n, len(text)) {
		switch p.scan(text[:read:read]) {
		case complete:
			return p.at, p.values
		case doubtful:
			return 0, 0
		}
		if read == len(text) {
			return 0, 0
		}
	}
}

// plainProbe is probe with matcher and inspect.
func plainProbe(text []byte) (end, values int) {
	var m matcher
	used, whole := m.scan(text)
	if len(text) == 0 || text[0] != '{' || !whole || inspect(text[:used]) != sound {
		return 0, 0
	}
	return used, m.values
}

func checkProbe(t interface{ Fatalf(string, ...any) }, text []byte) {
	wantEnd, wantValues := plainProbe(text)
	for _, n := range []int{1, 2, 7, 9, len(text) + 1} {
		if end, values := probe(text, n); end != wantEnd || values != wantValues {
			t.Fatalf("%q in parts of %d ends at %d with %d values, want %d with %d", text, n, end, values, wantEnd, wantValues)
		}
	}
}

// TestProber compares the one pass with the two that it replaces.
func TestProber(t *testing.T) {
	t.Parallel()
	tokens := []string{
		"{", "{", "[", "]", "}", "}", ",", ",", ":", ":", `"a"`, `"a"`, `"b":`, `"b":1,`, "1", "-0.5e+3", "true", "null", " ", "\n", "nul", "01", "NaN",
		`""`, `"\""`, `"\\"`, `"\u00e9"`, `"\u00g0"`, `"\d"`, `"ends in a backslash \\"`, `"{[,:]}"`, "\"\xff\"", "\"\n\"", `"`, `\`,
		`"` + strings.Repeat("long ", 10) + `"`, `"k":{"l":[1,{"m":"x"}]}`,
	}
	rapid.Check(t, func(t *rapid.T) {
		text := "{" + strings.Join(rapid.SliceOfN(rapid.SampledFrom(tokens), 0, 12).Draw(t, "tokens"), "")
		checkProbe(t, []byte(text))
	})
	rapid.Check(t, func(t *rapid.T) {
		checkProbe(t, []byte(object().Draw(t, "object")+rapid.SampledFrom([]string{"", ",", "]", "x"}).Draw(t, "rest")))
	})
}

// object generates well-formed objects.
func object() *rapid.Generator[string] {
	scalar := rapid.SampledFrom([]string{`"text, with {brackets]"`, `"\"\\\/\u00e9"`, `""`, "0", "-12.5E-3", "true", "false", "null"})
	space := rapid.SampledFrom([]string{"", "", " ", "\r\n\t"})
	var value func(depth int) *rapid.Generator[string]
	value = func(depth int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			kind := rapid.IntRange(0, 3).Draw(t, "kind")
			if depth == 0 || kind > 1 && depth < 3 {
				return scalar.Draw(t, "scalar")
			}
			s := func() string { return space.Draw(t, "space") }
			var parts []string
			for range rapid.IntRange(0, 4).Draw(t, "n") {
				part := s() + value(depth-1).Draw(t, "value") + s()
				if kind != 1 {
					part = s() + `"name"` + s() + ":" + part
				}
				parts = append(parts, part)
			}
			if kind != 1 {
				return "{" + strings.Join(parts, ",") + s() + "}"
			}
			return "[" + strings.Join(parts, ",") + s() + "]"
		})
	}
	return rapid.Map(value(3), func(text string) string { return `{"a":` + text + "}" })
}

// FuzzProbe is [TestProber] for any bytes.
func FuzzProbe(f *testing.F) {
	for _, all := range []map[string]string{flaws, faults} {
		for _, text := range all {
			f.Add([]byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) < maxWord { // a longer number is left to the others
			checkProbe(t, text)
		}
	})
}

// TestRarePart: a conversation without it has no percentile.
func TestRarePart(t *testing.T) {
	t.Parallel()
	if !strings.HasSuffix(percentileName, rarePart) {
		t.Errorf("%s does not end in %s", percentileName, rarePart)
	}
}
