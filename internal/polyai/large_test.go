package polyai

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// filler yields n bytes of text, and records the largest heap.
type filler struct {
	n    int
	peak *uint64
}

func (f *filler) Read(b []byte) (int, error) {
	if f.n == 0 {
		return 0, io.EOF
	}
	if f.n%(16<<20) == 0 {
		var now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&now)
		*f.peak = max(*f.peak, now.HeapAlloc)
	}
	n := min(len(b), f.n, 1<<20-(f.n-1)%(1<<20))
	for i := range b[:n] {
		b[i] = 'x'
	}
	f.n -= n
	return n, nil
}

func boundedPage(most int, parts ...io.Reader) *Page {
	page := newPage(&http.Response{Body: io.NopCloser(io.MultiReader(parts...)), Header: http.Header{}}, "GET", func(error) {}, time.Hour, false)
	page.framer.most = most
	return page
}

func texts(s string) io.Reader { return strings.NewReader(s) }

func TestPageLargeMemory(t *testing.T) { // not parallel: it measures the heap
	const size, memory = 256 << 20, 144 << 20
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for name, frame := range map[string][2]string{
		"Conversation": {`{"conversations":[{"id":"a"},{"id":"b","started_at":"2026-06-01T00:00:00Z","note":"`, `"},{"id":"c"}],"cursor":"x"}`},
		"Member":       {`{"debug":{"trace":["`, `"]},"conversations":[{"id":"a"},{"id":"c"}],"cursor":"x"}`},
		"Element":      {`{"conversations":[{"id":"a"},"`, `",{"id":"c"}],"cursor":"x"}`},
	} {
		t.Run(name, func(t *testing.T) {
			var peak uint64
			page := boundedPage(0, texts(frame[0]), &filler{size, &peak}, texts(frame[1]))
			defer page.Close()
			var ids []string
			for {
				v, err := page.Next()
				if errors.Is(err, io.EOF) && page.Cursor() == "x" {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, string(v[:min(len(v), 10)]))
			}
			if ids[0] != `{"id":"a"}` || ids[len(ids)-1] != `{"id":"c"}` {
				t.Errorf("read %q", ids)
			}
			if held := int64(peak) - int64(before.HeapAlloc); peak == 0 || held > memory {
				t.Errorf("%d of %d bytes are in memory", held, size)
			}
		})
	}
}

func TestPageLarge(t *testing.T) {
	t.Parallel()
	const most = 1000
	long := strings.Repeat("x", 5*most)
	for name, c := range map[string]struct{ conversation, id, reason string }{
		"IDFirst":  {`{"id":"b","started_at":"2026-06-01T00:00:00Z","note":"` + long + `"}`, "b", RejectTooLarge},
		"NoID":     {`{"note":"` + strings.Repeat(long, 20) + `","id":"b"}`, "", RejectTooLarge},
		"LongID":   {`{"id":"` + long + `"}`, "", RejectTooLarge},
		"Text":     {`"` + long + `"`, "", RejectTooLarge},
		"Number":   {strings.Repeat("1", 5*most), "", RejectTooLarge},
		"BadBytes": {`{"id":"b","note":"` + strings.Repeat("\xff", 5*most) + `"}`, "b", RejectTooLarge},
		"Values":   {`{"id":"b","turns":[` + strings.Repeat(`{},`, 10) + `{}]}`, "b", RejectTooLarge},
		"Fits":     {`{"id":"b","note":"` + strings.Repeat("x", most-100) + `"}`, "b", RejectNoStart},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := boundedPage(most, texts(`{"conversations":[`+c.conversation+`,{"id":"c","started_at":"2026-06-01T00:00:00Z"}]}`))
			v, err := page.Next()
			if err != nil || !IsSound(v) {
				t.Fatalf("%q, %v", v, err)
			}
			_, err = Decode(bytes.Clone(v))
			var reject *RejectError
			if !errors.As(err, &reject) || reject.Reason != c.reason || reject.ID != c.id {
				t.Errorf("%v (%+v), want %s of %q", err, reject, c.reason, c.id)
			}
			size := fmt.Sprintf(`:%d,`, len(c.conversation))
			if c.reason == RejectTooLarge && page.DecodedBytes() != len(v) {
				t.Errorf("%d bytes are decoded", page.DecodedBytes())
			}
			if c.reason == RejectTooLarge && (len(v) > 10*stubBytes || !strings.Contains(string(v), size)) {
				t.Errorf("the stub %.200q has %d bytes and not the size %s", v, len(v), size)
			}
			if v, err = page.Next(); err != nil {
				t.Fatal(err)
			}
			if got, err := Decode(v); err != nil || got.ID != "c" {
				t.Errorf("the next is %q, %v", v, err)
			}
		})
	}
}

func TestPageLargeMember(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 2*maxMemberBytes)
	for members, fails := range map[string]bool{
		`"other":"` + long + `"`:                                  false,
		`"other":["` + long + `",{"a":[]}]`:                       false,
		`"cursor":"` + long + `"`:                                 true,
		`"` + long + `":1`:                                        false,
		`"` + long + `":"` + long + `"`:                           false,
		`"next_offset":1` + strings.Repeat("0", 2*maxMemberBytes): true,
	} {
		page := boundedPage(0, texts(`{`+members+`,"conversations":[]}`))
		if _, err := page.Next(); errors.Is(err, errTooLarge) != fails || !fails && !errors.Is(err, io.EOF) {
			t.Errorf("%.40s: %v, want an error: %v", members, err, fails)
		}
	}
}

func TestPageDecodedBytes(t *testing.T) {
	t.Parallel()
	for conversation, want := range map[string]int{
		`{"id":"` + strings.Repeat("x", 991) + `"}`: 1000,
		`{"id":"a","turns":[{},{},1]}`:              7 * valueBytes,
		`{"id":"a,[{,\",[{"}`:                       valueBytes,
	} {
		page := boundedPage(0, texts(`{"conversations":[`+conversation+`]}`))
		if _, err := page.Next(); err != nil || page.DecodedBytes() != want {
			t.Errorf("%.30s: %d bytes, want %d (%v)", conversation, page.DecodedBytes(), want, err)
		}
	}
}

// largePage has n conversations of 5 MiB.
func largePage(ctx context.Context, n int) *Page {
	one := `{"id":"a","note":"` + strings.Repeat("x", 5<<20) + `"}`
	page := boundedPage(0, texts(`{"conversations":[`+strings.Repeat(one+",", n-1)+one+`]}`))
	page.limitMemory(ctx, 0)
	return page
}

func TestPageLargePermit(t *testing.T) { // not parallel: the permit belongs to the process
	first, second := largePage(t.Context(), 2), largePage(t.Context(), 1)
	kept, err := first.Next()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, err := second.Next()
		ended <- errors.Join(err, second.Close())
	}()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := largePage(canceled, 1).Next(); !errors.Is(err, errNotReserved) {
		t.Errorf("a request that has ended: %v", err)
	}
	if got, err := first.Next(); err != nil || !bytes.Equal(got, kept) || &got[0] == &kept[0] {
		t.Errorf("the first conversation was overwritten by the second: %v", err)
	}
	if _, err := first.Next(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if err := first.Close(); err != nil { // releases the permit at the latest
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(largePermit) != 0 {
		t.Error("the permit is still held")
	}
}
