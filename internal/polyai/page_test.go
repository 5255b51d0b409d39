package polyai

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestOldVersionsPageByOffset(t *testing.T) {
	t.Parallel()
	const listed, limit = 25, 10
	for name, next := range map[string]func(offset, shown int) string{
		"the next offset is given":              func(offset, shown int) string { return fmt.Sprint(offset + shown) },
		"it is given also behind the last page": func(offset, _ int) string { return fmt.Sprint(offset + limit) },
		"it is null":                            func(int, int) string { return "null" },
		"it is given as long as there is a further page": func(offset, shown int) string {
			return map[bool]string{true: "null", false: fmt.Sprint(offset + shown)}[offset+shown == listed]
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler := func(w http.ResponseWriter, r *http.Request) {
				offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
				var shown []string
				for i := offset; i < min(offset+limit, listed); i++ {
					shown = append(shown, fmt.Sprintf(`{"id":"c-%d"}`, i))
				}
				fmt.Fprintf(w, `{"conversations":[%s],"cursor":null,"next_offset":%s}`, strings.Join(shown, ","), next(offset, len(shown)))
			}
			client := serve(t, handler, func(o *Options) { o.APIVersion = "v1" })
			query := someQuery
			query.Limit = limit
			seen := map[string]bool{}
			for requests := 1; ; requests++ {
				values, page, err := readAll(t, client, query)
				if err != nil || requests > 4 {
					t.Fatalf("after %d requests: %v", requests, err)
				}
				for _, v := range values {
					seen[v] = true
				}
				if query.Cursor = page.Cursor(); query.Cursor == "" {
					break
				}
			}
			if len(seen) != listed {
				t.Errorf("%d of %d were read", len(seen), listed)
			}
			if _, page, _ := readAll(t, serve(t, handler), someQuery); page.Cursor() != "" {
				t.Error("a page of v3 that is not full is walked on by offset")
			}
		})
	}
}

// TestAFullPageOfV3MayNameAnOffset where it has no cursor, and a cursor may look like one.
func TestAFullPageOfV3MayNameAnOffset(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{`"cursor":null,"next_offset":2`: "offset=2", `"cursor":"offset=7"`: "cursor=offset%3D7"} {
		var asked []string
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.URL.RawQuery)
			fmt.Fprintf(w, `{"conversations":[{"id":"a"},{"id":"b"}],%s}`, next)
		})
		query := someQuery
		query.Limit = 2
		for range 2 {
			_, page, err := readAll(t, client, query)
			if err != nil {
				t.Fatal(err)
			}
			query.Cursor = page.Cursor()
		}
		if !strings.Contains("&"+asked[1]+"&", "&"+want+"&") {
			t.Errorf("after %s it asks for %s", next, asked[1])
		}
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
