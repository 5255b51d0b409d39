package warehouse

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestCanonical(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 600) + strings.Repeat("]", 600)
	for _, c := range []struct {
		name, in, want string
		replaced       int
	}{
		{"members are sorted, white space is removed", ` { "b" : 1 , "a" : [ true , null ] } `, `{"a":[true,null],"b":1}`, 0},
		{"the last duplicate wins", `{"a":1,"b":2,"a":3}`, `{"a":3,"b":2}`, 0},
		{"an escaped name is a duplicate", `{"\u0061":1,"a":2}`, `{"a":2}`, 0},
		{"escapes are shortened", `"\u0041\/\u00e9\n\u001f\ud83d\ude00"`, `"A/é\n\u001f😀"`, 0},
		{"numbers are unchanged", `[1.50,1E+2,-0,123456789012345678901234567890]`, `[1.50,1E+2,-0,123456789012345678901234567890]`, 0},
		{"NUL becomes U+FFFD", `{"k\u0000":"a\u0000b"}`, `{"k�":"a�b"}`, 2},
		{"lone surrogates become U+FFFD", `["\ud800","\udc00x","\ud800\u0041","\ud800\ud800"]`, `["�","�x","�A","��"]`, 5},
		{"U+FFFD in the input is not counted", `"\ufffd"`, `"�"`, 0},
		{"invalid UTF-8 becomes U+FFFD", "\"a\xffb\"", `"a�b"`, 1},
		{"a number beyond numeric becomes text", `[1e200000,-1e-99999]`, `["1e200000","-1e-99999"]`, 2},
		{"the exponents of a double", `[1e308,5e-324,1.5E+324]`, `[1e308,5e-324,1.5E+324]`, 0},
		{"an exponent too large becomes text", `[1e325,-1e-325]`, `["1e325","-1e-325"]`, 2},
		{"the most digits of a numeric", strings.Repeat("1", 131072), strings.Repeat("1", 131072), 0},
		{"one digit more becomes text", strings.Repeat("1", 131073), `"` + strings.Repeat("1", 131073) + `"`, 1},
		{"empty values", `{"a":{},"b":[],"c":""}`, `{"a":{},"b":[],"c":""}`, 0},
		{"deep nesting becomes text", deep, strings.Repeat("[", 512) + `"` + strings.Repeat("[", 88) + strings.Repeat("]", 88) + `"` + strings.Repeat("]", 512), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, replaced := Canonical(c.in)
			if string(got) != c.want || replaced != c.replaced {
				t.Errorf("got %s with %d replaced, want %s with %d", got, replaced, c.want, c.replaced)
			}
		})
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{`{"b":[1,{"a":"\u0000"}],"a":1e5}`, `"\ud800"`, `[[],{}]`, `-0.1E-7`, `{"a":1,"a":{"a":2}}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once, replaced := Canonical(s) // must not panic or hang
		if !json.Valid([]byte(s)) {
			return
		}
		if want, n := plainCanonical(s); once != want || n != replaced {
			t.Fatalf("%q became %q with %d replaced, want %q with %d", s, once, replaced, want, n)
		}
		if !json.Valid([]byte(once)) {
			t.Fatalf("%q became %q, which is not JSON", s, once)
		}
		twice, replaced := Canonical(once)
		if twice != once || replaced != 0 {
			t.Fatalf("%q is not stable: %q, then %q", s, once, twice)
		}
		if strings.Contains(s, `\u`) || strings.ContainsAny(s, "eE�") {
			return // encoding/json decodes these differently
		}
		var a, b any
		if json.Unmarshal([]byte(s), &a) == nil && json.Unmarshal([]byte(once), &b) == nil && !reflect.DeepEqual(a, b) && !strings.Contains(s, "\xff") {
			t.Fatalf("%q changed its value: %q", s, once)
		}
	})
}
