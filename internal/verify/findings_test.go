package verify

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/polyai"
	"convsync/internal/warehouse"
)

// kindsOf returns the kinds of findings by id, which is "" for ranges.
func kindsOf(r *Result) map[string]Kind {
	kinds := map[string]Kind{}
	for _, f := range r.Findings {
		kinds[f.ID] = f.Kind
	}
	return kinds
}

func TestFeed(t *testing.T) {
	t.Parallel()
	voice := json.RawMessage(`{"id":"voice","started_at":"2026-06-01T01:00:00Z","channel":"VOICE-SIP","turns":[{"user_input":"a made-up question"}]}`)
	for name, c := range map[string]struct {
		listed  []json.RawMessage
		stored  []json.RawMessage
		change  func(*archive)
		want    map[string]Kind
		reseals []string
		counts  func(*Result) bool
	}{
		"Erased": {
			listed: []json.RawMessage{conversation("erased", 1, ""), conversation("lost", 2, "")},
			change: func(a *archive) { a.Edit(func(d *memory.Data) { d.Erased = []memory.ID{{feed.ProjectID, "erased"}} }) },
			want:   map[string]Kind{"lost": NotStored},
			counts: func(r *Result) bool { return r.Erased == 1 },
		},
		"AudioLost": {
			listed: []json.RawMessage{voice}, stored: []json.RawMessage{voice},
			change: func(a *archive) { a.change("voice", func(r *warehouse.Rows) { r.Audio = nil }) },
			want:   map[string]Kind{"voice": NoAudio},
		},
		"AudioKept": {
			listed: []json.RawMessage{voice}, stored: []json.RawMessage{voice},
			counts: func(r *Result) bool { return r.Same == 1 },
		},
		"LifecycleChanged": {
			listed: []json.RawMessage{conversation("ended", 1, "")}, stored: []json.RawMessage{conversation("ended", 1, "")},
			change: func(a *archive) {
				a.change("ended", func(r *warehouse.Rows) { r.Conversation.Lifecycle = warehouse.LifecycleOpen })
			},
			want: map[string]Kind{"ended": Differs},
		},
		"TamperedAndMissing": {
			stored: []json.RawMessage{conversation("gone", 1, "")},
			change: func(a *archive) {
				a.change("gone", func(r *warehouse.Rows) {
					r.Conversation.Note = "never said"
					r.Conversation.MissingSince = warehouse.Some(warehouse.TimestampOf(at(2)))
				})
			},
			want:    map[string]Kind{"gone": Tampered},
			reseals: []string{"gone"},
			counts:  func(r *Result) bool { return r.Missing == 1 },
		},
		"TamperedAndRejected": {
			listed: []json.RawMessage{json.RawMessage(`{"id":"rejected","started_at":"soon"}`)},
			stored: []json.RawMessage{conversation("rejected", 1, "")},
			change: func(a *archive) {
				a.change("rejected", func(r *warehouse.Rows) { r.Conversation.Note = "never said" })
			},
			want:    map[string]Kind{"rejected": Tampered},
			reseals: []string{"rejected"},
		},
		"StoredDayDamaged": {
			listed: []json.RawMessage{conversation("a", 1, ""), conversation("b", 5, ""), conversation("c", 9, "")},
			stored: []json.RawMessage{conversation("a", 1, ""), conversation("b", 5, ""), conversation("c", 9, "")},
			change: func(a *archive) { a.damaged = read(4, 6) },
			want:   map[string]Kind{"": Damaged},
			counts: func(r *Result) bool { return r.Same == 2 && r.Stored == 2 && r.Turns == 2 },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			destination := holding(t, c.stored...)
			if c.change != nil {
				c.change(destination)
			}
			got, err := Feed(t.Context(), listing(t, c.listed...), destination, []load.Range{read(0, 24)}, nil, hours(0, 24), 0)
			if err != nil {
				t.Fatal(err)
			}
			if kinds := kindsOf(got); !maps.Equal(kinds, c.want) || c.counts != nil && !c.counts(got) {
				t.Errorf("found %v, want %v; %+v", kinds, c.want, got)
			}
			_, mend := Repairs([]*Result{got}, []*Faults{{ProjectID: feed.ProjectID}}, hours(0, 24))
			var reseals []string
			for _, m := range mend {
				for _, k := range m.Reseal {
					reseals = append(reseals, k.ID)
				}
			}
			if !slices.Equal(reseals, c.reseals) {
				t.Errorf("to be accepted: %v, want %v", reseals, c.reseals)
			}
		})
	}
}

// The source fails permanently in the hours before noon.
func TestFeedUnreadable(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, err := time.Parse(time.RFC3339, r.URL.Query().Get("start_time"))
		if err != nil || from.Before(at(11)) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"conversations": []json.RawMessage{conversation("edited", 13, "by now")}})
	}))
	t.Cleanup(server.Close)
	client, err := polyai.New(polyai.Options{BaseURL: server.URL, Key: func(context.Context, bool) (string, error) { return "made-up-key", nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	source := listing(t)
	source.Reader.Source = client
	// Many conversations before noon make the reader cut the day into slices.
	destination := holding(t, conversation("edited", 13, "before"), conversation("unknown", 2, ""), conversation("tampered", 3, ""))
	destination.change("tampered", func(r *warehouse.Rows) { r.Conversation.Note = "never said" })
	destination.Edit(func(d *memory.Data) {
		unknown := d.Conversations[memory.ID{feed.ProjectID, "unknown"}]
		for i := range 3000 {
			r := *unknown
			r.Conversation.ConversationID += strings.Repeat("x", 1+i%7) + time.Duration(i).String()
			r.Conversation.ContentHash = r.Hash()
			d.Put(&r)
		}
	})
	got, err := Feed(t.Context(), source, destination, []load.Range{read(0, 24)}, nil, hours(0, 24), 0)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Kind{"": Unreadable, "edited": Differs, "tampered": Tampered}
	if kinds := kindsOf(got); !maps.Equal(kinds, want) {
		t.Errorf("found %v, want %v", kinds, want)
	}
	repairs, mend := Repairs([]*Result{got}, []*Faults{{ProjectID: feed.ProjectID}}, hours(0, 24))
	second := extract.SecondOf(at(13))
	if len(mend) != 0 || len(repairs[feed].Gone) != 0 || !slices.Equal(repairs[feed].Spans, []extract.Span{{From: second, Until: second + 1}}) {
		t.Errorf("to be mended: %+v, %+v", repairs, mend)
	}
}

func TestStored(t *testing.T) {
	t.Parallel()
	a := auditor{load.FaultOrphanParts: 2 * shownFaults, load.FaultLostFile: 1}
	got, err := Stored(t.Context(), a, "p", hours(0, 24))
	if err != nil || !maps.Equal(got.Counts, map[load.FaultKind]int64(a)) || len(got.Shown) != shownFaults {
		t.Errorf("%+v, %v", got, err)
	}
	_, mend := Repairs(nil, []*Faults{got}, hours(0, 24))
	if len(mend) != 1 || mend[0].ProjectID != "p" || !slices.Equal(mend[0].Ranges, []load.Range{read(0, 24)}) {
		t.Errorf("to be mended: %+v", mend)
	}
}

// auditor reports the given number of faults of each kind.
type auditor map[load.FaultKind]int64

func (a auditor) Audit(_ context.Context, _ string, _, _ warehouse.Timestamp, yield func(load.Fault) error) error {
	for kind, n := range a {
		for range n {
			if err := yield(load.Fault{Kind: kind}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a auditor) Erased(context.Context, string, []string) ([]string, error) { return nil, nil }
