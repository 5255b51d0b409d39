package main

import (
	"context"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/recordings/store"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// audioWorkers is how many recordings a killed run requests at the same time.
const audioWorkers = 4

// storeKilled is a source that gets new conversations, and runs that are killed while
// they store its recordings.
type storeKilled struct {
	*chaos
	folder   string
	requests atomic.Pointer[func(*http.Request)] // called at each request of a recording
	truth    map[string]*simulate.Recording
	sums     map[string]string    // of the truth, by path
	starts   map[string]time.Time // of the conversations
}

// newStoreKilled simulates a source with so many new conversations a day, for 60 days.
func newStoreKilled(t *testing.T, destination string, perDay int) *storeKilled {
	t.Helper()
	k := newStoreKilledIn(t, destination, perDay, 60)
	k.untilEnded()
	return k
}

func newStoreKilledIn(t *testing.T, destination string, perDay, days int) *storeKilled {
	t.Helper()
	seed := *chaosSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-chaos.seed=%d", seed)
	k := &storeKilled{
		chaos:  &chaos{t: t, random: rand.New(rand.NewPCG(seed, seed))},
		truth:  map[string]*simulate.Recording{},
		sums:   map[string]string{},
		starts: map[string]time.Time{},
	}
	var err error
	k.simulator, err = simulate.New(simulate.Options{
		Seed:  seed,
		Now:   k.now,
		Audio: simulate.Audio{SampleRateHz: 50, Codec: simulate.AudioMixed},
		Projects: []simulate.Project{{
			AccountID:    "acme-uk",
			ID:           recordedProject,
			From:         standing.AddDate(0, 0, -1),
			To:           standing.AddDate(0, 0, days),
			TurnsMean:    1,
			Environments: []simulate.Environment{{Name: "live", Conversations: (days + 1) * perDay}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked := k.requests.Load(); asked != nil && path.Base(r.URL.Path) == "audio" {
			(*asked)(r)
		}
		k.simulator.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	k.config, k.folder = configureAudio(t, server.URL, destination, "{ mode: store, redacted: both, workers: 4 }")
	return k
}

// untilEnded sets the clock to a time at which no conversation is in progress or has
// just ended: their recordings are not due yet, and the clock of the source stands.
func (k *storeKilled) untilEnded() {
	k.look()
	recent := func(started time.Time) bool {
		age := k.now().Sub(started)
		return age >= 0 && age < 20*time.Minute
	}
	for slices.ContainsFunc(slices.Collect(maps.Values(k.starts)), recent) {
		k.later.Add(int64(time.Minute))
	}
}

// look adds the recordings of all conversations to the truth, by the path of the file.
func (k *storeKilled) look() {
	if len(k.truth) > 0 {
		return
	}
	end := standing.AddDate(0, 0, 70)
	for truth := range k.simulator.Truth(recordedProject, "live", end) {
		started := truth.Conversation["started_at"].(time.Time)
		k.starts[truth.ID] = started
		for _, redacted := range []bool{false, true} {
			if r, ok := k.simulator.Recording(recordedProject, truth.ID, "combined", redacted, end); ok {
				k.truth[store.URI(recordedProject, store.Name{
					ConversationID: truth.ID,
					Direction:      "combined",
					Redacted:       redacted,
					StartedAt:      started,
				})] = r
			}
		}
	}
}

// killAt kills a run shortly after its n-th request of a recording.
func (k *storeKilled) killAt(n int64, after time.Duration) (killed bool) {
	ctx, cancel := context.WithCancel(k.t.Context())
	defer cancel()
	var asked atomic.Int64
	kill := func(*http.Request) {
		if asked.Add(1) == n {
			time.AfterFunc(after, cancel)
		}
	}
	k.requests.Store(&kill)
	defer k.requests.Store(nil)
	return k.runUntil(ctx)
}

// killOften kills runs, and checks the store after each of them.
func (k *storeKilled) killOften(kills int) {
	k.t.Helper()
	for killed, n := 0, 0; killed < kills; n++ {
		k.later.Add(int64(6*time.Hour + k.upTo(12*time.Hour)))
		after := k.upTo(5 * time.Millisecond)
		if n%2 > 0 {
			after = k.upTo(300 * time.Millisecond) // the results are being recorded, or moved into the tables
		}
		if k.killAt(1+k.random.Int64N(20), after) {
			killed++
		}
		k.wantStored()
	}
}

// wantStored checks that each file in the store is complete, and that files that are
// not are in its folder for them. It returns the number of recordings.
func (k *storeKilled) wantStored() (files int) {
	k.t.Helper()
	k.look()
	err := filepath.WalkDir(k.folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		uri, err := filepath.Rel(k.folder, name)
		if err != nil || strings.HasPrefix(uri, ".convsync"+string(filepath.Separator)) {
			return err
		}
		files++
		want := k.truth[uri]
		if want == nil {
			k.t.Errorf("%s is no recording of the source", uri)
			return nil
		}
		if k.sums[uri] == "" {
			k.sums[uri] = want.SHA256()
		}
		if got, _ := sumOf(k.t, name); got != k.sums[uri] {
			k.t.Errorf("%s has the hash %s, want %s", uri, got, k.sums[uri])
		}
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		k.t.Fatal(err)
	}
	return files
}

// settleStore completes the work, and compares rows, files and the source.
func (k *storeKilled) settleStore(kills int) {
	k.t.Helper()
	k.untilEnded()
	k.run(0)
	rows := storedRecordings(k.t, k.config)
	for key, a := range rows {
		want, ok := k.simulator.Recording(recordedProject, key.ConversationID, key.Direction, key.Redacted, k.now())
		if !ok || a.Availability != warehouse.AudioAvailable || !a.StoredAt.Valid {
			k.t.Errorf("%+v is not stored: %+v", key, a)
			continue
		}
		sameRecording(k.t, k.folder, &a, want)
	}
	k.wantAll(rows)
	if files := k.wantStored(); files != len(rows) || files == 0 {
		k.t.Errorf("%d files and %d rows", files, len(rows))
	}
	for _, rest := range []string{"tmp/*/*", "quarantine/*"} {
		if found, err := filepath.Glob(filepath.Join(k.folder, ".convsync", rest)); err != nil || len(found) > 0 {
			k.t.Errorf("left over: %q, %v", found, err)
		}
	}
	// A download is repeated only if the kill interrupted it. Files without a row are
	// checked by a request for their beginning, and not downloaded.
	asked := k.simulator.AudioRequests()
	if most := int64(len(rows) + kills*audioWorkers); asked.Whole > most || asked.Head > 0 {
		k.t.Errorf("%d recordings were downloaded %d times with %d kills, at most %d expected: %+v", len(rows), asked.Whole, kills, most, asked)
	}
	k.t.Logf("%d kills, %d recordings: %d downloads, %d checks of files without a row", kills, len(rows), asked.Whole, asked.Ranged)
	k.run(0)
	if again := k.simulator.AudioRequests(); again != asked {
		k.t.Errorf("a run with nothing due requests %+v, before it %+v", again, asked)
	}
}

// wantAll checks that each recording of the source has a row.
func (k *storeKilled) wantAll(rows map[load.RecordingKey]warehouse.AudioReference) {
	k.t.Helper()
	want := 0
	for truth := range k.simulator.Truth(recordedProject, "live", k.now()) {
		if _, ok := k.simulator.Recording(recordedProject, truth.ID, "combined", true, k.now()); ok {
			want += 2
		}
	}
	if len(rows) != want {
		k.t.Errorf("%d recordings have rows, want %d", len(rows), want)
	}
}

// TestStoreKilled kills processes that store recordings.
func TestStoreKilled(t *testing.T) {
	t.Parallel()
	kills := max(*chaosKills/4, 1)
	for name, destination := range map[string]func() string{
		"Parquet":  func() string { return into(filepath.Join(t.TempDir(), "lake")) },
		"Postgres": func() string { return intoPostgres(newDatabase(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newStoreKilled(t, destination(), 40)
			k.killOften(kills)
			k.settleStore(kills)
		})
	}
}
