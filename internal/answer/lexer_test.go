package answer_test

import (
	"reflect"
	"strings"
	"testing"

	"convsync/internal/answer"
)

func TestLex(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                      nil,
		"SELECT 1":              {"word SELECT", "space  ", "number 1"},
		"'it''s $x' $x":         {"string 'it''s $x'", "space  ", "parameter $x"},
		`E'a\'b $x'`:            {`string E'a\'b $x'`},
		`e 'a\'`:                {"word e", "space  ", `string 'a\'`},
		`"a""$x"`:               {`quoted "a""$x"`},
		"$$ a $x $$":            {"string $$ a $x $$"},
		"$q$ a $$ $q$.$x":       {"string $q$ a $$ $q$", "symbol .", "parameter $x"},
		"$1$x":                  {"parameter $1", "parameter $x"},
		"a$x":                   {"word a$x"},
		"1e5$x":                 {"number 1e5", "parameter $x"},
		"-- $x\n$y":             {"comment -- $x", "space \n", "parameter $y"},
		"/* /* */ $x */ $y":     {"comment /* /* */ $x */", "space  ", "parameter $y"},
		"a/*b":                  {"word a", "open /*b"},
		"'a":                    {"open 'a"},
		"x::text = été":         {"word x", "symbol :", "symbol :", "word text", "space  ", "symbol =", "space  ", "word été"},
		"$":                     {"symbol $"},
		"$a$ x":                 {"open $a$ x"},
		"a-b":                   {"word a", "symbol -", "word b"},
		"U&'\\0061' N'x' x'41'": {"word U", "symbol &", "string '\\0061'", "space  ", "word N", "string 'x'", "space  ", "word x", "string '41'"},
	} {
		var got []string
		for _, token := range answer.Lex(text) {
			kind := map[answer.Kind]string{
				answer.Space: "space", answer.Comment: "comment", answer.Word: "word", answer.Quoted: "quoted",
				answer.String: "string", answer.Number: "number", answer.Parameter: "parameter", answer.Symbol: "symbol",
			}[token.Kind]
			if token.Open {
				kind = "open"
			}
			got = append(got, kind+" "+token.Text)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{ // the last one is the rest
		"":                              {""},
		"SELECT 1":                      {"SELECT 1"},
		"SELECT 1; ":                    {"SELECT 1", ""},
		"SELECT ';' -- ;\n; SELECT 2":   {"SELECT ';' -- ;", " SELECT 2"},
		";;":                            {""},
		"-- nothing\n;":                 {""},
		"-- open":                       {""},
		"/* open":                       {"/* open"},
		"SELECT $$;$$; SELECT '":        {"SELECT $$;$$", " SELECT '"},
		"SELECT 1; -- the end":          {"SELECT 1", ""},
		"/* a */ SELECT 1 /* b */; \n ": {"/* a */ SELECT 1 /* b */", ""},
	} {
		got, rest := answer.Split(text)
		if got = append(got, rest); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestTrim(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"SELECT 1 ; -- x": "SELECT 1", "SELECT ';'": "SELECT ';'", " -- x": "", "": "", "SELECT /* a */ 1 /* b */ ;;\n": "SELECT /* a */ 1",
	} {
		if got := answer.Trim(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestExplained(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"EXPLAIN SELECT 1":                          "SELECT 1",
		" explain analyze select 1 -- x":            "select 1 -- x",
		"EXPLAIN (ANALYZE, FORMAT JSON) SELECT 1":   "SELECT 1",
		"EXPLAIN (SELECT 1)":                        "(SELECT 1)",
		"EXPLAIN ((SELECT 1) UNION SELECT 2)":       "((SELECT 1) UNION SELECT 2)",
		"EXPLAIN ANALYZE VERBOSE COPY x TO 'y'":     "COPY x TO 'y'",
		"EXPLAIN":                                   "",
		"SELECT 1":                                  "",
		"EXPLAIN /* x */ SELECT 1":                  "",
		"-- x\nEXPLAIN SELECT 1":                    "",
		"EXPLAIN ANALYZE /* /* */ COPY */ SELECT 1": "",
		"EXPLAIN (FORMAT 'x') SELECT 1":             "",
	} {
		got, ok := answer.Explained(text)
		if got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v", text, got, ok)
		}
	}
}

func TestNumberParams(t *testing.T) {
	t.Parallel()
	s := answer.Statement{SQL: "SELECT 'é $a', $long, $b, $long", Params: map[string]string{"long": "1", "b": "2"}}
	if err := answer.CheckParams(s); err != nil {
		t.Fatal(err)
	}
	n := answer.NumberParams(s)
	if n.SQL != "SELECT 'é $a', $1, $2, $1" || !reflect.DeepEqual(n.Values, []string{"1", "2"}) {
		t.Errorf("got %q with %q", n.SQL, n.Values)
	}
	for character, want := range map[int]string{1: "SELECT", 16: "$long", 20: "$b", 24: "$long"} {
		if at := n.Origin(character); !strings.HasPrefix(s.SQL[at:], want) {
			t.Errorf("character %d comes from %q, want %q", character, s.SQL[at:], want)
		}
	}
}

func TestCheckParams(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"SELECT\n  $b": "the parameter $b has no value\nLINE 2:   $b\n          ^",
		"SELECT $1":    "the parameter $1 has no name\nLINE 1: SELECT $1\n               ^\nwrite parameters as $name",
		"SELECT 1":     "the statement has no parameter $a",
	} {
		if err := answer.CheckParams(answer.Statement{SQL: sql, Params: map[string]string{"a": ""}}); err == nil || err.Error() != want {
			t.Errorf("%q: got %v", sql, err)
		}
	}
}

// FuzzLex checks that no text is lost, and what depends on it.
func FuzzLex(f *testing.F) {
	for _, seed := range []string{"SELECT $a, '$b' -- $c\n, \"$d\" /* $e /* */ */; E'\\''", "$$ $x$ $$ $x$", "EXPLAIN (ANALYZE) SELECT 1;", "é$é$1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var all strings.Builder
		params := map[string]string{}
		for i, token := range answer.Lex(text) {
			if token.Text == "" || token.Start != all.Len() {
				t.Fatalf("token %d of %q is %+v", i, text, token)
			}
			all.WriteString(token.Text)
			if token.Kind == answer.Parameter {
				params[token.Text[1:]] = "value"
			}
		}
		if all.String() != text {
			t.Fatalf("the tokens of %q are %q", text, &all)
		}
		s := answer.Statement{SQL: text, Params: params}
		n := answer.NumberParams(s)
		if len(n.Values) != len(params) || len(params) == 0 && n.SQL != text {
			t.Errorf("%q has become %q", text, n.SQL)
		}
		for i := range min(len([]rune(n.SQL)), 200) { // each takes longer than the one before
			if at := n.Origin(i + 1); at < 0 || at > len(text) {
				t.Fatalf("character %d of %q comes from %d", i+1, n.SQL, at)
			}
		}
		statements, rest := answer.Split(text)
		for _, one := range append(statements, rest) {
			if !strings.Contains(text, one) {
				t.Errorf("%q is no part of %q", one, text)
			}
		}
		if trimmed := answer.Trim(text); !strings.HasPrefix(text, trimmed) || answer.Trim(trimmed) != trimmed {
			t.Errorf("%q is trimmed to %q", text, trimmed)
		}
		if inner, ok := answer.Explained(text); ok && !strings.HasSuffix(text, inner) {
			t.Errorf("%q explains %q", text, inner)
		}
		if len(params) < 100 {
			_ = answer.NameAt(text, len(text)/2)
		}
	})
}
