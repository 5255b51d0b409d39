package webhook

import (
	"fmt"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Half-open deliveries of senders without a secret never block a genuine one.
func TestReceiverHalfOpenDeliveries(t *testing.T) {
	t.Parallel()
	const halfOpen, most = 400, 32
	cut := make(chan string, halfOpen)
	w := newWorld(func(o *Options) {
		o.MaxBodies, o.BodyPatience = most, time.Hour
		o.Count = func(result string) {
			if result != Stored {
				cut <- result
			}
		}
	})
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	head := signedAt(now, "e", callBody).Header
	for range halfOpen {
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		fmt.Fprintf(c, "POST / HTTP/1.0\r\nContent-Length: %d\r\n", len(callBody))
		if err := head.Write(c); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(c, "\r\n{")
	}
	for range halfOpen - most {
		if result := <-cut; result != Slow {
			t.Errorf("a half-open delivery counted as %s, want %s", result, Slow)
		}
	}
	for i := range 50 {
		if status, answer := w.send(signedAt(now, fmt.Sprint("e-", i), fmt.Sprintf(`{"type":"call","n":%d}`, i))); status != 200 {
			t.Fatalf("delivery %d was answered %d %s", i, status, answer)
		}
	}
}

// The one that is cut off is the oldest of the peer with the most bodies, and
// never more are read than allowed.
func TestBodies(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := bodies{most: rapid.IntRange(1, 6).Draw(t, "most")}
		type body struct {
			peer string
			cut  bool
			end  func()
		}
		var open []*body
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			if len(open) > 0 && rapid.Bool().Draw(t, "end") {
				i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
				open[i].end()
				open = append(open[:i:i], open[i+1:]...)
				continue
			}
			added := &body{peer: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "peer")}
			most := map[string]int{added.peer: 1}
			for _, o := range open {
				most[o.peer]++
			}
			open = append(open, added)
			added.end = b.begin(added.peer, func() { added.cut = true })
			var cut *body
			for i, o := range open {
				if !o.cut {
					continue
				}
				cut, open = o, append(open[:i:i], open[i+1:]...)
				break
			}
			if (len(open) > b.most) || (cut == nil) != (total(most) <= b.most) {
				t.Fatalf("%d are read of at most %d; cut off: %v", len(open), b.most, cut)
			}
			if cut == nil {
				continue
			}
			for peer, n := range most {
				if n > most[cut.peer] {
					t.Fatalf("cut off was one of %s with %d, though %s has %d", cut.peer, most[cut.peer], peer, n)
				}
			}
		}
	})
}

func total(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}
