package recordings

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/polyai"
	"convsync/internal/recordings/store"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

const (
	projectID = "made-up-bakery"
	apiKey    = "made-up-key"
)

var (
	combined    = load.RecordingKind{Direction: "combined", Redacted: true}
	combinedRaw = load.RecordingKind{Direction: "combined"}
	begin       = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
)

// world is a source, a destination with its conversations, and a store.
type world struct {
	testing.TB
	sim     *simulate.Simulator
	memory  *memory.Destination
	options Options
	voice   []string // ids, newest first
	folder  string
	step    func(operation, path string) error // of the store
	clock   atomic.Int64                       // µs since 1970; server time, too
}

func (w *world) now() time.Time          { return time.UnixMicro(w.clock.Load()).UTC() }
func (w *world) advance(d time.Duration) { w.clock.Add(d.Microseconds()) }

// newWorld creates a world with a few ended voice conversations.
func newWorld(t testing.TB, conversations int, audio simulate.Audio, policy Policy) *world {
	t.Helper()
	w := &world{TB: t, memory: memory.New(), folder: filepath.Join(t.TempDir(), "store")}
	w.clock.Store(begin.UnixMicro())
	if audio.Bytes == 0 {
		audio.Bytes = 2000
	}
	sim, err := simulate.New(simulate.Options{
		Now:    w.now,
		APIKey: apiKey,
		Audio:  audio,
		Projects: []simulate.Project{{
			AccountID:    "made-up-account",
			ID:           projectID,
			Environments: []simulate.Environment{{Name: "live", Conversations: conversations}},
			From:         begin.AddDate(0, 0, -2),
			To:           begin.Add(-3 * time.Hour),
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.sim = sim
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	w.options = Options{
		Destination: w.memory,
		OpenStore: func() (*store.Store, error) {
			return store.Open(store.Options{Path: w.folder, Step: func(operation, path string) error {
				if w.step == nil {
					return nil
				}
				return w.step(operation, path)
			}})
		},
		Clock:   w.now,
		Backoff: time.Microsecond,
		Hosts:   new(Hosts),
		Owner:   load.Owner{RunID: "made-up-run"},
	}
	w.options.Projects = []Project{{
		ID:           projectID,
		StoredID:     projectID,
		Environments: []string{"live"},
		Policy:       policy,
		Source:       w.client(server.URL, polyai.Timeouts{}),
		BaseURL:      server.URL,
	}}
	w.load(policy.Kinds)
	return w
}

func (w *world) client(baseURL string, timeouts polyai.Timeouts) Source {
	c, err := polyai.NewBuildClient(polyai.Options{
		BaseURL:  baseURL,
		Key:      func(context.Context, bool) (string, error) { return apiKey, nil },
		Timeouts: timeouts,
	})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(c.Close)
	return c
}

// load stores the ended voice conversations with references of the kinds.
func (w *world) load(kinds []load.RecordingKind) {
	w.memory.Edit(func(d *memory.Data) {
		for c := range w.sim.Truth(projectID, "live", w.now()) {
			if c.Conversation["channel_family"] != "voice" || c.Conversation["lifecycle"] != "final" {
				continue
			}
			finished, _ := c.Conversation["finished_at"].(time.Time)
			rows := &warehouse.Rows{Conversation: warehouse.Conversation{
				ProjectID:      projectID,
				ConversationID: c.ID,
				Environment:    "live",
				ChannelFamily:  warehouse.ChannelVoice,
				Lifecycle:      warehouse.LifecycleFinal,
				StartedAt:      warehouse.TimestampOf(c.Conversation["started_at"].(time.Time)),
				FinishedAt:     warehouse.Some(warehouse.TimestampOf(finished)),
			}}
			recorded := load.RecordedOf(&rows.Conversation)
			for _, k := range kinds {
				rows.Audio = append(rows.Audio, w.options.Projects[0].reference(&recorded, k))
			}
			if d.Conversations == nil {
				d.Conversations = memory.Conversations{}
			}
			d.Put(rows)
			w.voice = append(w.voice, c.ID)
		}
	})
	if len(w.voice) == 0 {
		w.Fatal("there is no voice conversation")
	}
}

// run runs once, and fails if anything stopped it.
func (w *world) run() *Report {
	w.Helper()
	r, err := Run(w.Context(), w.options)
	if err != nil || r.Incomplete() {
		w.Fatalf("run: %v, report %+v", err, r)
	}
	return r
}

// row returns the reference of a conversation.
func (w *world) row(id string, k load.RecordingKind) warehouse.AudioReference {
	w.Helper()
	for _, a := range w.memory.Snapshot().Conversations[memory.ID{projectID, id}].Audio {
		if load.RecordingKeyOf(&a).RecordingKind == k {
			return a
		}
	}
	w.Fatalf("%s has no row of %+v", id, k)
	return warehouse.AudioReference{}
}

func (w *world) state() warehouse.RecordingState {
	s, err := w.memory.RecordingState(w.Context(), projectID)
	if err != nil {
		w.Fatal(err)
	}
	return s
}

// delete deletes a conversation from the destination.
func (w *world) delete(id string) {
	w.memory.Edit(func(d *memory.Data) {
		delete(d.Conversations, memory.ID{projectID, id})
		d.Sequence++
		d.Changes = append(d.Changes, warehouse.Change{
			Sequence:       d.Sequence,
			ProjectID:      projectID,
			ConversationID: id,
			Operation:      warehouse.OperationDelete,
		})
	})
}

// files returns the relative paths of the files in the store, without its own.
func (w *world) files() (paths []string) {
	err := filepath.WalkDir(w.folder, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case !entry.IsDir():
			name, _ := filepath.Rel(w.folder, path)
			paths = append(paths, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
	return paths
}

// checkStored checks that the stored copy of a recording is that of the source.
func (w *world) checkStored(id string, k load.RecordingKind) {
	w.Helper()
	truth, ok := w.sim.Recording(projectID, id, k.Direction, k.Redacted, w.now())
	a := w.row(id, k)
	if !ok || a.Availability != warehouse.AudioAvailable || !a.StoredAt.Valid || string(a.SHA256) != truth.SHA256() ||
		a.SizeBytes.V != truth.Bytes || string(a.Codec) != truth.Codec {
		w.Errorf("row %+v; the source has %+v with hash %s", a, truth, truth.SHA256())
		return
	}
	s, err := w.options.OpenStore()
	if err != nil {
		w.Fatal(err)
	}
	sum, n, err := s.Sum(w.Context(), string(a.StoredURI))
	if err != nil || sum != truth.SHA256() || n != truth.Bytes {
		w.Errorf("file %s has hash %s, %d bytes, %v", a.StoredURI, sum, n, err)
	}
}

// handler replaces the source by a handler.
func (w *world) handler(h http.Handler, timeouts polyai.Timeouts) {
	server := httptest.NewServer(h)
	w.Cleanup(server.Close)
	w.options.Projects[0].Source = w.client(server.URL, timeouts)
}

// noProbe makes the key known, so that it is not probed.
func noProbe(d *memory.Data) {
	d.Recordings = append(d.Recordings, warehouse.RecordingState{ProjectID: projectID, PIIAccess: warehouse.PIIAccessYes})
}
