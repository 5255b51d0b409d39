package polyai

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// timedBody is a body that arrives in parts, each after a pause.
type timedBody struct {
	pause time.Duration
	part  string
	parts int // 0: endless
	begun int
	left  string // of the part
}

func (b *timedBody) Read(p []byte) (int, error) {
	if b.left == "" {
		if b.parts > 0 && b.begun == b.parts {
			return 0, io.EOF
		}
		<-time.After(b.pause)
		b.begun++
		b.left = b.part
	}
	n := copy(p, b.left)
	b.left = b.left[n:]
	return n, nil
}

func (*timedBody) Close() error { return nil }

func TestPage(t *testing.T) {
	t.Parallel()
	conversation := `{"id":"` + strings.Repeat("x", 7000) + `"},`
	for name, c := range map[string]struct {
		body io.ReadCloser
		err  string
		most time.Duration
	}{
		"Dripping":         {&timedBody{pause: time.Second, part: " "}, "only 60 bytes within 1m0s", time.Minute},
		"DrippingHalf":     {&timedBody{pause: 30 * time.Second, part: "  "}, "only 4 bytes within 1m0s", time.Minute},
		"NoConversation":   {&timedBody{pause: time.Second, part: strings.Repeat(" ", 400)}, "no conversation within 10m0s", 10 * time.Minute},
		"EndlessValue":     {io.NopCloser(io.MultiReader(strings.NewReader(`{"conversations":["`), &timedBody{pause: time.Second, part: strings.Repeat("x", 400)})), "no conversation within 10m0s", 10 * time.Minute},
		"SlowButFlowing":   {io.NopCloser(io.MultiReader(strings.NewReader(`{"conversations":[`), &timedBody{pause: 45 * time.Second, part: conversation, parts: 60}, strings.NewReader(`1]}`))), "", time.Hour},
		"PauseThenTheRest": {io.NopCloser(io.MultiReader(&timedBody{pause: 50 * time.Second, part: `{"conversations":[`, parts: 1}, strings.NewReader(`1]}`))), "", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				page := newPage(&http.Response{Body: c.body, Header: http.Header{}}, "GET", func(error) {}, time.Minute, false)
				defer page.Close()
				var err error
				for err == nil {
					_, err = page.Next()
				}
				ended := c.err == "" && errors.Is(err, io.EOF) || c.err != "" && IsTemporary(err) && strings.Contains(err.Error(), c.err)
				if took := time.Since(began); !ended || took > c.most {
					t.Errorf("after %s: %v, want %q", took, err, c.err)
				}
			})
		})
	}
}

// TestFloor/SlowReader: only the wait for the source counts, not that for a slow destination.
func TestFloor(t *testing.T) {
	t.Parallel()
	t.Run("SlowReader", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			r := newIdleReader(io.NopCloser(strings.NewReader(strings.Repeat("x", 100))), func(error) {}, time.Minute)
			defer r.close()
			for range 100 {
				if _, err := r.Read(make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
				<-time.After(time.Minute)
			}
		})
	})
}
