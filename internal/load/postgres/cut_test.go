package postgres

import (
	"maps"
	"net"
	"net/url"
	"sync/atomic"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/warehouse"
)

// cutter forwards everything until it is armed and a commit passes.
type cutter struct {
	server string
	armed  atomic.Bool
	after  bool // cut after the server received the commit
}

func (c *cutter) serve(client net.Conn) {
	server, err := net.Dial("tcp", c.server)
	if err != nil {
		return
	}
	defer server.Close()
	first, err := readStartup(client)
	if err != nil {
		return
	}
	server.Write(first)
	var cut atomic.Bool
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		defer client.Close()
		for {
			m, err := readMessage(server)
			if err != nil || cut.Load() { // the response to the commit is lost
				return
			}
			client.Write(m.raw)
		}
	}()
	for {
		m, err := readMessage(client)
		if err != nil {
			break
		}
		if m.kind == 'Q' && string(m.body()) == "commit\x00" && c.armed.CompareAndSwap(true, false) {
			if cut.Store(true); c.after {
				server.Write(m.raw)
				<-answered
			}
			break
		}
		server.Write(m.raw)
	}
	server.Close()
	<-answered
}

func TestCommit_LostResponse(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"write conversations", "publish", "finish"} {
		for name, arrives := range map[string]bool{"and it was done": true, "and it was not": false} {
			t.Run(step+" "+name, func(t *testing.T) {
				t.Parallel()
				_, database := prepared(t)
				c := &cutter{server: hostOf(t, database), after: arrives}
				d := open(t, Options{URL: fixed(through(t, database, c.serve))})
				w := begin(t, d, "run-1")
				stageOne(t, w, loadtest.Conversation("p", "c-1", loadtest.Noon), loadtest.Conversation("p", "c-2", loadtest.Noon))
				d.Step = func(name string) {
					if name == "commit: "+step {
						c.armed.Store(true)
					}
				}
				wantState(t, changeAll(t, w), "run again")
				w.Close()
				d.Step = func(string) {}

				// The next run repeats everything.
				w = begin(t, d, "run-2")
				if err := changeAll(t, w); err != nil {
					t.Fatal(err)
				}
				changedOnce(t, subject{database, "polyai"})
			})
		}
	}
}

// changeAll changes c-1, marks c-2, adds c-3, and publishes coverage.
func changeAll(t *testing.T, w load.Writer) error {
	rows := []*warehouse.Rows{loadtest.Conversation("p", "c-1", loadtest.Noon, loadtest.Note("changed")), loadtest.Conversation("p", "c-3", loadtest.Noon)}
	if err := w.Stage(t.Context(), &load.Batch{Window: 1, Feed: feed, Rows: rows, LiveSince: 1}); err != nil {
		return err
	}
	noon := warehouse.TimestampOf(loadtest.Noon)
	_, err := w.Publish(t.Context(), &load.Window{
		ID:        1,
		Feed:      feed,
		Coverage:  []load.Range{{From: noon, Until: noon + 1e6, ReadAt: noon}},
		Watermark: noon + 1e6,
		Missing:   []load.Key{{ID: "c-2", StartedAt: noon}},
		At:        noon,
		Rejects:   []warehouse.Reject{{ProjectID: "p", Environment: loadtest.Live, RejectID: "r"}},
	})
	if err != nil {
		return err
	}
	return w.Finish(t.Context(), runRow(load.Owner{RunID: w.(*writer).owner.RunID}))
}

// changedOnce checks that changeAll was applied exactly once.
func changedOnce(t *testing.T, s subject) {
	t.Helper()
	d := s.Dump(t) // fails if a conversation is stored twice
	changes := map[string]int{}
	for _, c := range d.Changes {
		changes[c.ConversationID]++
	}
	if want := map[string]int{"c-1": 2, "c-2": 2, "c-3": 1}; !maps.Equal(changes, want) || len(d.Conversations) != 3 {
		t.Errorf("%d conversations, with the changes %v; want 3, with %v", len(d.Conversations), changes, want)
	}
	for key, r := range d.Conversations {
		if c := &r.Conversation; r.Hash() != c.ContentHash || c.MissingSince.Valid != (c.ConversationID == "c-2") || len(r.Turns) == 0 {
			t.Errorf("conversation %q is incomplete, or has the wrong mark", key)
		}
	}
	if len(d.Coverage) != 1 || len(d.Watermarks) != 1 || len(d.Rejects) != 1 {
		t.Errorf("coverage %+v, watermarks %+v, rejects %+v", d.Coverage, d.Watermarks, d.Rejects)
	}
	var late int64
	for _, l := range d.Lateness {
		late += l.Count
	}
	if late != 3 { // c-3 was new and then ended, c-1 changed
		t.Errorf("lateness is %+v, want 3 in all", d.Lateness)
	}
}

func hostOf(t *testing.T, database string) string {
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}
