package extract

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestChunkLarge(t *testing.T) {
	t.Parallel()
	row := func(id, more string) string {
		return `{"id":"` + id + `","started_at":"2026-06-01T00:00:00Z"` + more + `}`
	}
	fairLock := `,"turns":[` + strings.Repeat(`{},`, 10_000) + `{}]` // 30 KB, and 5 MB decoded
	rows := []string{row("a", ""), row("b", ""), row("many", fairLock), row("c", ""), row("long", `,"note":"`+strings.Repeat("x", 5<<20)+`"`)}
	half := strings.Repeat(`,"x":1`, 15_000) // 4 MB decoded, which is not large
	for i := range 5 {
		rows = append(rows, row(fmt.Sprint("half", i), half))
	}
	r := reading(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"conversations":[`+strings.Join(rows, ",")+`]}`)
	}))
	r.PageSize = 2 * len(rows) // the page is not full, so that it is the last one
	var chunks []string
	err := r.ReadSpan(t.Context(), []Span{aDay}, func(_ context.Context, c *Chunk) error {
		chunks = append(chunks, fmt.Sprint(c.Len(), c.IsLarge()))
		return nil
	})
	want := []string{"2 false", "1 true", "1 false", "1 true", "5 false"}
	if err != nil || !slices.Equal(chunks, want) {
		t.Errorf("%v: chunks are %q, want %q", err, chunks, want)
	}
}

// TestChunkRelease checks that released memory is used again, and that of larger chunks
// is not.
func TestChunkRelease(t *testing.T) {
	t.Parallel()
	small, grown, empty := &Chunk{}, &Chunk{}, &Chunk{}
	small.add([]byte(`{}`))
	grown.add(make([]byte, chunkCapacity+1))
	for _, c := range []*Chunk{small, grown, empty, largeChunk([]byte(`{}`), false)} {
		c.Release()
	}
	if small.data != nil || grown.data == nil || small.Len() != 0 {
		t.Errorf("%d bytes are left of a small chunk, %d of one that has grown", len(small.data), len(grown.data))
	}
	next := &Chunk{}
	next.add([]byte(`{"id":"a"}`))
	if string(next.value(0)) != `{"id":"a"}` || next.Bytes() != chunkCapacity {
		t.Errorf("the next chunk is %q of %d bytes", next.value(0), next.Bytes())
	}
}
