package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

var (
	start = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	feed  = load.Feed{ProjectID: "acme-team-4", Environment: "live"}
)

// world is a destination with recordings, and their store.
type world struct {
	conversations []load.RecordedConversation
	state         load.FeedState
	rejects       []load.RejectKey
	store         string
	opened        atomic.Int64 // stored files
}

func (w *world) State(context.Context, []load.Feed) (map[load.Feed]load.FeedState, error) {
	return map[load.Feed]load.FeedState{feed: w.state}, nil
}

func (w *world) RejectKeys(context.Context, load.Feed) ([]load.RejectKey, error) {
	return w.rejects, nil
}

func (w *world) Recordings(_ context.Context, f load.Feed, from, until warehouse.Timestamp, yield func(*load.RecordedConversation) error) error {
	for i := range w.conversations {
		c := w.conversations[i]
		if f != feed || c.StartedAt < from || c.StartedAt >= until {
			continue
		}
		if err := yield(&c); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) Open(uri string) (*os.File, error) {
	w.opened.Add(1)
	return os.Open(filepath.Join(w.store, filepath.FromSlash(uri)))
}

// newWorld has n conversations with a redacted and a raw recording each. Of ten, one
// has the same bytes in both, one is not stored, one is missing, and one has no
// reference.
func newWorld(t testing.TB, n int) *world {
	t.Helper()
	w := &world{store: t.TempDir()}
	day := warehouse.TimestampOf(start)
	w.state.Coverage = []load.Range{{From: day, Until: day + 24*3600e6, ReadAt: day + 25*3600e6}}
	for i := range n {
		c := conversation(i)
		if i%10 != 3 {
			for _, redacted := range []bool{true, false} {
				c.Recordings = append(c.Recordings, w.recording(t, &c, i, redacted))
			}
		}
		w.conversations = append(w.conversations, c)
	}
	return w
}

func conversation(i int) load.RecordedConversation {
	return load.RecordedConversation{
		ProjectID:            feed.ProjectID,
		Environment:          feed.Environment,
		ConversationID:       fmt.Sprintf("made-up-%06d", i),
		Channel:              "VOICE-SIP",
		Direction:            "inbound",
		FromNumber:           "+441632960123",
		ToNumber:             "+441632960999",
		StartedAt:            warehouse.TimestampOf(start.Add(time.Duration(i%86400) * time.Second)),
		TotalDurationSeconds: warehouse.Some(61.5),
		Lifecycle:            warehouse.LifecycleFinal,
		RunID:                fmt.Sprintf("run-%d", i/1000),
	}
}

func (w *world) recording(t testing.TB, c *load.RecordedConversation, i int, redacted bool) warehouse.AudioReference {
	t.Helper()
	a := warehouse.AudioReference{
		ProjectID:         c.ProjectID,
		ConversationID:    c.ConversationID,
		Direction:         "combined",
		Redacted:          redacted,
		StartedAt:         c.StartedAt,
		URL:               warehouse.Text("https://agents.invalid/audio/" + c.ConversationID),
		Availability:      warehouse.AudioAvailable,
		RedactionEvidence: warehouse.EvidenceVerified,
		CheckedAt:         warehouse.Some(c.StartedAt + 3600e6),
	}
	content := fmt.Sprintf("recording %d %t", i, redacted)
	uri := fmt.Sprintf("acme-team-4/2026/06/01/%s=2F.combined.%t.wav", c.ConversationID, redacted)
	switch i % 10 {
	case 1: // unredacted, the key has no access
		content, uri = fmt.Sprintf("recording %d", i), fmt.Sprintf("acme-team-4/2026/06/01/%s.combined.redacted.wav", c.ConversationID)
	case 2:
		return a
	case 4:
		a.Availability = warehouse.AudioMissing
		return a
	}
	w.save(t, &a, uri, content)
	return a
}

// save stores a recording.
func (w *world) save(t testing.TB, a *warehouse.AudioReference, uri, content string) {
	t.Helper()
	path := filepath.Join(w.store, filepath.FromSlash(uri))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(content))
	a.StoredURI, a.SHA256 = warehouse.Text(uri), warehouse.Text(hex.EncodeToString(sum[:]))
	a.SizeBytes, a.StoredAt = warehouse.Some(int64(len(content))), a.CheckedAt
}

// options copies the recordings of the day into a new folder.
func (w *world) options(t testing.TB) Options {
	t.Helper()
	return Options{
		Filter: Filter{From: start, Until: start.AddDate(0, 0, 1), Feeds: []load.Feed{feed}},
		Format: CSV,
		Dir:    filepath.Join(t.TempDir(), "export"),
		Files:  Copy,
		Store:  w,
		Tool:   "convsync test",
	}
}

func (w *world) write(t testing.TB, o Options) *Summary {
	t.Helper()
	s, err := Write(t.Context(), w, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func verified(t testing.TB, dir string, o VerifyOptions) *Verified {
	t.Helper()
	v, err := Verify(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// tree returns the files of a folder with their content.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func testKey(t testing.TB) (*Key, *PublicKey, string) {
	t.Helper()
	base := filepath.Join(t.TempDir(), "made-up")
	public, err := Keygen(base, "")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ReadKey(base+".key", nil)
	if err != nil {
		t.Fatal(err)
	}
	return key, public, base
}
