package extract

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
)

// The page is sent as observed at the source: chunked, conversation by
// conversation.
func TestPage300MB(t *testing.T) {
	const pageBytes, memory = 300 << 20, 64 << 20
	conversation := fmt.Sprintf(`{"id":"CA1","started_at":"2026-06-01T00:00:00Z","state":{"text":%q}}`, strings.Repeat("made up ", 8000))
	n := pageBytes/len(conversation) + 1
	r := reading(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		some := []byte(strings.TrimSuffix(strings.Repeat(conversation+",", 16), ","))
		io.WriteString(w, `{"conversations":[`)
		for sent := 0; sent < n; sent += 16 {
			if sent > 0 {
				w.Write([]byte{','})
			}
			io.Copy(w, bytes.NewReader(some))
		}
		io.WriteString(w, `]}`)
	}))
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var peak, chunks atomic.Uint64
	err := r.ReadSpan(t.Context(), []Span{aDay}, func(context.Context, *Chunk) error {
		if chunks.Add(1)%32 == 0 {
			runtime.GC() // measures the memory in use, not garbage
			runtime.ReadMemStats(&during)
			peak.Store(max(peak.Load(), during.HeapAlloc))
		}
		return nil
	})
	if err != nil || r.Stats.Conversations.Load() < int64(n) || r.Stats.Bytes.Load() < pageBytes {
		t.Fatalf("%v, %d conversations, %d bytes", err, r.Stats.Conversations.Load(), r.Stats.Bytes.Load())
	}
	if held := int64(peak.Load()) - int64(before.HeapAlloc); peak.Load() == 0 || held > memory {
		t.Errorf("the page occupies %d MB", held>>20)
	}
}
