package polyai

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestPageLink(t *testing.T) {
	t.Parallel()
	for members, want := range map[string]Link{
		`"cursor":"x","next_offset":2`:     {Cursor: "x", Offset: 2, OffsetNamed: true},
		`"cursor":7`:                       {Cursor: "7"},
		`"cursor":null,"next_offset":2`:    {Offset: 2, OffsetNamed: true},
		`"next_offset":"2"`:                {Offset: 2, OffsetNamed: true},
		`"next_offset":2.0`:                {Offset: 2, OffsetNamed: true},
		`"next_offset":0`:                  {OffsetNamed: true},
		`"next_offset":1e300`:              {OffsetNamed: true},
		`"next_offset":"page-2"`:           {OffsetNamed: true},
		`"next_offset":-1`:                 {},
		`"next_offset":null`:               {},
		`"next_offset":""`:                 {},
		`"next_offset":false,"cursor":""`:  {},
		`"next_offset":9,"next_offset":10`: {Offset: 10, OffsetNamed: true},
		`"cursor":false`:                   {},
		`"cursor":{}`:                      {},
		`"other":1`:                        {},
	} {
		for version, omitted := range map[string]bool{"v3": false, "v2": true, "v1": true} {
			client := serve(t, answer(`{"conversations":[{"id":"a"}],`+members+`}`), func(o *Options) { o.APIVersion = version })
			_, page, err := readAll(t, client, someQuery)
			want.MayBeOmitted = omitted
			if got := page.Link(); err != nil || got != want {
				t.Errorf("%s, %s: %+v, %v, want %+v", version, members, got, err, want)
			}
		}
	}
}

// A cursor of another form may name a next page: the page is not the last one.
func TestPageCursorForm(t *testing.T) {
	t.Parallel()
	for _, cursor := range []string{`{"next":"x"}`, `["x"]`, `true`} {
		_, _, err := readAll(t, serve(t, answer(`{"conversations":[{"id":"a"}],"cursor":`+cursor+`}`)), someQuery)
		if !errors.Is(err, errCursorForm) || !IsTemporary(err) {
			t.Errorf("%s: %v", cursor, err)
		}
	}
}

func TestListPaging(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cursor string
		offset int64
		want   string
	}{
		"first page":                    {"", 0, ""},
		"offset":                        {"", 7, "offset=7"},
		"cursor":                        {"x y", 0, "cursor=x+y"},
		"cursor that looks like offset": {"offset=7", 3, "cursor=offset%3D7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked string
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				asked = r.URL.RawQuery
				io.WriteString(w, `{"conversations":[]}`)
			})
			query := someQuery
			query.Cursor, query.Offset = c.cursor, c.offset
			if _, _, err := readAll(t, client, query); err != nil {
				t.Fatal(err)
			}
			paged := strings.Contains(asked, "cursor=") || strings.Contains(asked, "offset=")
			if paged != (c.want != "") || !strings.Contains("&"+asked+"&", c.want) {
				t.Errorf("requested %s, want %q", asked, c.want)
			}
		})
	}
}

func FuzzPage(f *testing.F) {
	f.Add(`{"conversations":[{"id":"a"},1],"cursor":"x"}`)
	f.Add(`{"cursor":null,"conversations":null`)
	f.Fuzz(func(t *testing.T, text string) {
		res := &http.Response{Body: io.NopCloser(strings.NewReader(text)), Header: http.Header{}}
		page := newPage(res, "GET", func(error) {}, time.Hour, false)
		defer page.Close()
		for {
			v, err := page.Next()
			if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return
			}
			if broken := (*BrokenError)(nil); errors.As(err, &broken) {
				if IsSound(broken.Value) || !IsTemporary(err) {
					t.Fatalf("%q is reported as broken", broken.Value)
				}
				if id := RejectBroken(broken.Value).ID; !utf8.ValidString(id) || strings.ContainsRune(id, 0) {
					t.Fatalf("%q cannot be stored as an id", id)
				}
				continue
			}
			if err != nil {
				if !IsTemporary(err) || page.Cursor() != "" {
					t.Fatalf("%v, cursor %q", err, page.Cursor())
				}
				return
			}
			if v.Kind() == Absent {
				t.Fatal("an empty conversation")
			}
		}
	})
}
