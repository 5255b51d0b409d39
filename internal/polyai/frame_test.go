package polyai

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// flaws are conversations that are not JSON, but whose end is certain.
var flaws = map[string]string{
	"NaN":                `{"id":"bad","turns":[{"latency":NaN}]}`,
	"infinity":           `{"id":"bad","total_duration":-Infinity}`,
	"undefined":          `{"id":"bad","note":undefined}`,
	"a leading zero":     `{"id":"bad","num_turns":007}`,
	"a raw line break":   "{\"id\":\"bad\",\"note\":\"one\ntwo, {\"}",
	"a raw tab":          "{\"id\":\"bad\",\"note\":\"one\ttwo\"}",
	"an unknown escape":  `{"id":"bad","note":"C:\dir\"}]"}`,
	"a cut escape":       `{"id":"bad","note":"\u12"}`,
	"Python's constants": `{"id":"bad","in_progress":True,"note":None}`,
}

// faults are conversations whose end is not certain.
var faults = map[string]string{
	"a quote in a string":        `{"id":"bad","note":"he said "hello" to me"}`,
	"a string without an end":    `{"id":"bad","note":"hello}`,
	"a missing comma":            `{"id":"bad" "note":"hello"}`,
	"a comma before the end":     `{"id":"bad",}`,
	"no value":                   `{"id":}`,
	"brackets that do not fit":   `{"id":["bad"}]`,
	"a bracket too many":         `{"id":"bad"}}`,
	"a name without quotes":      `{id:"bad"}`,
	"text between the values":    "{\"id\":\"bad\",!upstream!\n\"!\"note\":1}",
	"nothing between two commas": ``,
}

func pageOf(r io.Reader) *Page {
	return newPage(&http.Response{Body: io.NopCloser(r), Header: http.Header{}}, "GET", func(error) {}, time.Hour, false)
}

// read reads a page to its end or its first error that is not about one conversation.
func read(r io.Reader) (values, broken []string, page *Page, err error) {
	page = pageOf(r)
	defer page.Close()
	for {
		v, err := page.Next()
		var b *BrokenError
		switch {
		case err == nil:
			values = append(values, string(v))
		case errors.As(err, &b):
			broken = append(broken, string(b.Value))
		case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			return values, broken, page, nil
		default:
			return values, broken, page, err
		}
	}
}

func TestPageFlaw(t *testing.T) {
	t.Parallel()
	for name, flaw := range flaws {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := fmt.Sprintf(`{"conversations":[{"id":"a"}, %s ,{"id":"b"},%s],"cursor":"x"}`, flaw, flaw)
			for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
				values, broken, page, err := read(r)
				if err != nil || !slices.Equal(values, []string{`{"id":"a"}`, `{"id":"b"}`}) || page.Cursor() != "x" {
					t.Errorf("%q, cursor %q, %v", values, page.Cursor(), err)
				}
				if !slices.Equal(broken, []string{flaw, flaw}) {
					t.Errorf("broken are %q", broken)
				}
			}
		})
	}
}

func TestPageFault(t *testing.T) {
	t.Parallel()
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			values, broken, page, err := read(strings.NewReader(`{"conversations":[{"id":"a"},` + fault + `,{"id":"b"},{"id":"c"}],"cursor":"x"}`))
			if err == nil || !IsTemporary(err) || page.Cursor() != "" {
				t.Errorf("%q, %q, cursor %q, %v", values, broken, page.Cursor(), err)
			}
			if good := len(values) > 0 && values[0] == `{"id":"a"}`; !good || len(values) > 1 && name != "a bracket too many" || len(broken) > 0 {
				t.Errorf("a page that cannot be framed yields %q and %q", values, broken)
			}
		})
	}
}

func TestPageMark(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"\xEF\xBB\xBF" + `{"conversations":[{"id":"a"}]}`: 1,
		"\xEF\xBB\xBF\r\n {\"conversations\":[1,2]} ":     2,
		"\xEF\xBB" + `{"conversations":[{"id":"a"}]}`:     -1,
		`{"conversations":["` + "\xEF\xBB\xBF" + `"]}`:    1,
		"\xEF\xBB\xBF": -1,
		"\xEF\xBB\xBF\xEF\xBB\xBF" + `{"conversations":null}`: -1,
	} {
		values, _, _, err := read(iotest.HalfReader(strings.NewReader(text)))
		if (err != nil) != (want < 0) || err == nil && len(values) != want {
			t.Errorf("%q: %q, %v", text, values, err)
		}
	}
}

func TestPageDepth(t *testing.T) {
	t.Parallel()
	const depth = 100_000 // far beyond the limit of jsontext, which is 10,000
	deep := `{"id":"deep","state":` + strings.Repeat(`[{"a":`, depth) + "1" + strings.Repeat("}]", depth) + "}"
	values, broken, _, err := read(strings.NewReader(`{"conversations":[{"id":"a"},` + deep + `,{"id":"b"}]}`))
	if err != nil || len(broken) > 0 || len(values) != 3 || values[1] != deep {
		t.Fatalf("%d values, %d broken, %v", len(values), len(broken), err)
	}
	if c, err := Decode(Value(`{"started_at":"2026-06-03T12:00:00Z",` + deep[1:])); err != nil || len(c.State) != len(deep)-len(`{"id":"deep","state":}`) {
		t.Errorf("decoded to %+v, %v", c, err)
	}
	cut := `{"conversations":[{"id":` + strings.Repeat("[", depth)
	if _, _, _, err := read(strings.NewReader(cut)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a cut page: %v", err)
	}
}

// TestPageUnknownMember: unknown members of a page may be flawed.
func TestPageUnknownMember(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		`{"mean":NaN,"conversations":[1],"cursor":"x"}`: true,
		`{"conversations":[1],"cursor":NaN}`:            false,
		`{"mean":[NaN,"conversations":[1]}`:             false,
		`{"conversations":[1],"next_offset":01}`:        false,
		`{"conversations":[1] "cursor":"x"}`:            false,
		`{"conversations" [1]}`:                         false,
		`{,"conversations":[1]}`:                        false,
		`{"conversations":[1,]}`:                        false,
		`{"conversations":[,1]}`:                        false,
	} {
		if _, _, _, err := read(strings.NewReader(text)); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// soundByLibrary checks a value that is not nested deeply with the library.
func soundByLibrary(text []byte) bool {
	d := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, err := d.ReadValue(); err != nil {
		return false
	}
	_, err := d.ReadToken()
	return errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)
}

// FuzzInspect: a value is sound if the library accepts it.
func FuzzInspect(f *testing.F) {
	for _, all := range []map[string]string{flaws, faults} {
		for _, text := range all {
			f.Add([]byte(text))
		}
	}
	for _, text := range []string{`[1,-0.5e+3,{"a":"\ud83d\ude00\/","a":[]}]`, "\"\xff\"", ` true `, `-`, `1.`, `[]]`, `"\u00g0"`, `["\`, `{"a":"\`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) > 1000 {
			return
		}
		if got, want := IsSound(text), soundByLibrary(text); got != want {
			t.Fatalf("%q: sound %t, the library says %t", text, got, want)
		}
	})
}

// FuzzNeighbours puts any text between two well-formed conversations. The page must
// yield well-formed conversations unchanged and in order, and must not lose one of the
// two if it is read to its end.
func FuzzNeighbours(f *testing.F) {
	for _, all := range []map[string]string{flaws, faults} {
		for _, text := range all {
			f.Add([]byte(text), 7)
		}
	}
	f.Fuzz(func(t *testing.T, between []byte, part int) {
		before, after := `{"id":"before","note":"a \"quoted\" ], {"}`, `{"id":"after","turns":[{"x":"}"},[1]]}`
		if json.Valid(between) || listed(between) {
			return
		}
		text := `{"conversations":[` + before + "," + string(between) + "," + after + `],"cursor":"x"}`
		values, broken, page, err := read(iotest.DataErrReader(&partReader{text, max(part%64, 1)}))
		if len(values) == 0 || values[0] != before {
			t.Fatalf("the conversation before it is lost: %q, %v", values, err)
		}
		if err != nil {
			return // the caller isolates the conversation with smaller requests
		}
		if values[len(values)-1] != after || page.Cursor() != "x" {
			t.Fatalf("the conversation after it is lost without an error: %q, broken %q", values, broken)
		}
	})
}

// listed reports whether the text is several values of a list.
func listed(text []byte) bool { return soundByLibrary([]byte("[" + string(text) + "]")) }

// partReader reads a text in parts.
type partReader struct {
	left string
	part int
}

func (r *partReader) Read(b []byte) (int, error) {
	if r.left == "" {
		return 0, io.EOF
	}
	n := copy(b, r.left[:min(r.part, len(r.left))])
	r.left = r.left[n:]
	return n, nil
}
