package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"convsync/internal/config"
	"convsync/internal/load"
	"convsync/internal/load/pgtest"
	"convsync/internal/recordings"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

const recordedProject = "acme-team-4"

// withRecordings simulates n conversations with recordings, as [past] does.
func withRecordings(t testing.TB, n int, audio simulate.Audio) (*simulate.Simulator, *httptest.Server) {
	t.Helper()
	audio.SampleRateHz = 50 // small files
	simulator, err := simulate.New(simulate.Options{
		Seed:  11,
		Now:   func() time.Time { return standing },
		Audio: audio,
		Projects: []simulate.Project{{
			AccountID:    "acme-uk",
			ID:           recordedProject,
			From:         standing.AddDate(0, 0, -20),
			To:           standing.Add(-time.Hour),
			TurnsMean:    1,
			Environments: []simulate.Environment{{Name: "live", Conversations: n}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(simulator)
	t.Cleanup(server.Close)
	return simulator, server
}

// configureAudio is [configure] with work on recordings, and a store for them.
func configureAudio(t testing.TB, url, destination, audio string) (file, folder string) {
	t.Helper()
	file = configure(t, url, destination)
	folder = filepath.Join(filepath.Dir(file), "recordings")
	text := strings.Replace(readBytes(t, file), "sync: {", "audio: { store: "+folder+" }\nsync: { audio: "+audio+",", 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, folder
}

func readBytes(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// audioSummary has the fields that the tests use of the JSON output.
type audioSummary struct {
	Verdict    string
	Recordings *struct {
		Projects []struct {
			ProjectID string `json:"project_id"`
			recordings.Counts
		}
	}
}

func runAudio(t testing.TB, file string, code int, args ...string) audioSummary {
	t.Helper()
	r := convsync(t, nil, append([]string{"run", "--config", file, "--output", "json", "--log-level", "error"}, args...)...)
	var s audioSummary
	if err := json.Unmarshal([]byte(r.stdout), &s); err != nil || r.code != code {
		t.Fatalf("exit code %d, want %d; %v\nstdout: %s\nstderr: %s", r.code, code, err, r.stdout, r.stderr)
	}
	return s
}

// storedRecordings returns the references of the live conversations, by key.
func storedRecordings(t testing.TB, file string) map[load.RecordingKey]warehouse.AudioReference {
	t.Helper()
	cfg, err := config.Load(config.Options{File: file, LookupEnv: os.LookupEnv})
	if err != nil {
		t.Fatal(err)
	}
	destination, err := openDestination(t.Context(), cfg, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer destination.Close()
	all := map[load.RecordingKey]warehouse.AudioReference{}
	feed := load.Feed{ProjectID: recordedProject, Environment: "live"}
	err = destination.Recordings(t.Context(), feed, 0, math.MaxInt64, func(c *load.RecordedConversation) error {
		for _, a := range c.Recordings {
			all[load.RecordingKeyOf(&a)] = a
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// audioDestinations returns a configuration with each kind of destination.
func audioDestinations(t *testing.T, url, audio string) map[string][2]string {
	t.Helper()
	files := map[string][2]string{}
	for name, destination := range map[string]string{
		"Parquet":  into(filepath.Join(t.TempDir(), "lake")),
		"Postgres": intoPostgres(pgtest.URL(t)),
	} {
		file, folder := configureAudio(t, url, destination, audio)
		files[name] = [2]string{file, folder}
	}
	return files
}

// TestAudio_Truth stores the recordings of a source with every deviation, and
// compares rows and files with what the simulator serves.
func TestAudio_Truth(t *testing.T) {
	t.Parallel()
	share := map[simulate.AudioFault]float64{
		simulate.AudioMissing: 0.1, simulate.AudioForbidden: 0.05, simulate.AudioHTML: 0.05, simulate.AudioEmpty: 0.05,
		simulate.AudioTruncated: 0.05, simulate.AudioSame: 0.1, simulate.AudioLate: 0.1,
	}
	simulator, server := withRecordings(t, 150, simulate.Audio{Codec: simulate.AudioMixed, List: true, Share: share})
	for name, at := range audioDestinations(t, server.URL, "{ mode: store, redacted: both, workers: 8 }") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, folder := at[0], at[1]
			first := runAudio(t, file, exitOK)
			if first.Recordings == nil || first.Recordings.Projects[0].Stored == 0 {
				t.Fatalf("nothing was stored: %+v", first)
			}
			files := 0
			for key, a := range storedRecordings(t, file) {
				want, ok := simulator.Recording(recordedProject, key.ConversationID, key.Direction, key.Redacted, standing)
				if !ok || a.Availability != want.Availability {
					t.Errorf("%+v is %s (%s), want %s", key, a.Availability, a.Reason, want.Availability)
				}
				if want.Availability == warehouse.AudioAvailable {
					sameRecording(t, folder, &a, want)
					files++
				}
			}
			if files < 100 {
				t.Errorf("only %d recordings are stored", files)
			}
		})
	}
}

// sumOf returns the hash and the size of a file.
func sumOf(t testing.TB, name string) (sum string, size int64) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Error(err)
		return "", 0
	}
	defer f.Close()
	hash := sha256.New()
	if size, err = io.Copy(hash, f); err != nil {
		t.Error(err)
	}
	return hex.EncodeToString(hash.Sum(nil)), size
}

// sameRecording compares a stored recording with what the source serves.
func sameRecording(t *testing.T, folder string, a *warehouse.AudioReference, want *simulate.Recording) {
	t.Helper()
	sum, size := sumOf(t, filepath.Join(folder, filepath.FromSlash(string(a.StoredURI))))
	if sum != want.SHA256() || string(a.SHA256) != sum {
		t.Errorf("%s: the stored file has another content", a.ConversationID)
	}
	if size != want.Bytes || a.SizeBytes.V != size || a.Codec != warehouse.Text(want.Codec) || a.SampleRateHz.V != int64(want.SampleRateHz) ||
		math.Abs(a.DurationSeconds.V-want.Seconds) > 0.05 {
		t.Errorf("%s: %+v, want %+v", a.ConversationID, a, want)
	}
	evidence := warehouse.Text(warehouse.EvidenceVerified)
	if want.Fault == simulate.AudioSame {
		evidence = warehouse.EvidenceIdentical
		if a.Redacted {
			evidence = warehouse.EvidenceRequested
		}
	}
	if a.RedactionEvidence != evidence {
		t.Errorf("%s, redacted %t: evidence %s, want %s", a.ConversationID, a.Redacted, a.RedactionEvidence, evidence)
	}
}

// TestAudio_NothingDue checks that a run without new recordings requests none, in
// any mode.
func TestAudio_NothingDue(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"check", "store"} {
		simulator, server := withRecordings(t, 40, simulate.Audio{})
		for name, at := range audioDestinations(t, server.URL, "{ mode: "+mode+", workers: 8 }") {
			runAudio(t, at[0], exitOK)
			before := simulator.AudioRequests().Total()
			if before == 0 {
				t.Fatal("no recording was requested")
			}
			again := runAudio(t, at[0], exitOK)
			if after := simulator.AudioRequests().Total(); after != before {
				t.Errorf("%s into %s: %d requests of recordings though nothing was due: %+v", mode, name, after-before, again)
			}
		}
	}
}

// TestAudio_Modes checks rows and requests of each mode, and a change of the mode.
func TestAudio_Modes(t *testing.T) {
	t.Parallel()
	simulator, server := withRecordings(t, 30, simulate.Audio{})
	for name, at := range audioDestinations(t, server.URL, "off") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := func(audio string) {
				text := readBytes(t, at[0])
				from := text[strings.Index(text, "sync: { audio: "):]
				from = from[:strings.Index(from, ", start")]
				if err := os.WriteFile(at[0], []byte(strings.Replace(text, from, "sync: { audio: "+audio, 1)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			runAudio(t, at[0], exitOK)
			if n := len(storedRecordings(t, at[0])); n != 0 {
				t.Errorf("off: %d references", n)
			}
			set("{ mode: reference, directions: [combined, user] }")
			runAudio(t, at[0], exitOK)
			voice := len(storedRecordings(t, at[0])) / 2
			if voice == 0 || voice >= 30 {
				t.Fatalf("%d voice conversations have two references", voice)
			}
			set("check")
			runAudio(t, at[0], exitOK, "--audio-only")
			checked := 0
			for key, a := range storedRecordings(t, at[0]) {
				if a.Availability == warehouse.AudioAvailable {
					checked++
				}
				if a.StoredAt.Valid || key.Direction == "user" && a.CheckedAt.Valid {
					t.Errorf("%+v: %+v", key, a)
				}
			}
			if checked != voice {
				t.Errorf("%d recordings are available, want %d", checked, voice)
			}
			set("{ mode: store, directions: [user], redacted: false }")
			runAudio(t, at[0], exitOK, "--audio-only")
			for key, a := range storedRecordings(t, at[0]) {
				if a.StoredAt.Valid != (key.Direction == "user" && !key.Redacted) {
					t.Errorf("%+v is stored: %t", key, a.StoredAt.Valid)
				}
			}
			if files := wavFiles(t, at[1]); files != voice {
				t.Errorf("%d files, want %d", files, voice)
			}
		})
	}
	if simulator.MostAudioRequests() > 8 {
		t.Errorf("a recording was requested %d times", simulator.MostAudioRequests())
	}
}

func wavFiles(t testing.TB, folder string) (n int) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".wav") {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestAudio_StoreUnavailable checks that a store that cannot be written delays
// nothing: conversations are loaded, recordings are checked, and the next run stores
// them.
func TestAudio_StoreUnavailable(t *testing.T) {
	t.Parallel()
	_, server := withRecordings(t, 20, simulate.Audio{})
	for name, at := range audioDestinations(t, server.URL, "store") {
		if err := os.WriteFile(at[1], []byte("a file, no folder"), 0o600); err != nil {
			t.Fatal(err)
		}
		r := convsync(t, nil, "run", "--config", at[0])
		r.want(t, exitPartial, "attention: ", at[1], "20 conversations read, all new")
		if strings.Contains(r.stdout, allIsWell) {
			t.Errorf("%s: it says that nothing needs attention:\n%s", name, r.stdout)
		}
		available := 0
		for _, a := range storedRecordings(t, at[0]) {
			if a.Availability == warehouse.AudioAvailable && !a.StoredAt.Valid {
				available++
			}
		}
		if available == 0 {
			t.Errorf("%s: no recording was checked", name)
		}
		if err := os.Remove(at[1]); err != nil {
			t.Fatal(err)
		}
		runAudio(t, at[0], exitOK)
		if files := wavFiles(t, at[1]); files != available {
			t.Errorf("%s: %d files once the store is writable, want %d", name, files, available)
		}
		// A mount point without its disk is an empty folder: nothing counts as lost.
		disk := at[1] + "-disk"
		if err := errors.Join(os.Rename(at[1], disk), os.Mkdir(at[1], 0o700)); err != nil {
			t.Fatal(err)
		}
		convsync(t, nil, "run", "--audio-only", "--recheck", "missing", "--config", at[0]).want(t, exitPartial, "it is empty although", "is mounted")
		convsync(t, nil, "status", "--config", at[0]).want(t, exitOK, "it is empty although", "Recordings cannot be stored")
		convsync(t, nil, "verify", "--recordings", "--repair", "--config", at[0]).want(t, exitFailed, "is mounted")
		convsync(t, nil, "check", "--config", at[0]).want(t, exitFailed, "FAIL  recordings", "is mounted")
		convsync(t, nil, "export", "audio", "--from", "2026-06-01", "--to", "2026-06-02", "--copy", disk+"-export", "--config", at[0]).want(t, exitUsage, "is mounted")
		if err := errors.Join(os.Remove(at[1]), os.Rename(disk, at[1])); err != nil { // nothing was created
			t.Fatal(err)
		}
		convsync(t, nil, "verify", "--recordings", "--config", at[0]).want(t, exitOK, "no differences")
	}
}

func TestAudio_Flags(t *testing.T) {
	t.Parallel()
	file := configure(t, "http://127.0.0.1:1", into(filepath.Join(t.TempDir(), "lake")))
	for args, said := range map[string]string{
		"--recheck missing":                    "--recheck needs --audio-only",
		"--audio-only --recheck unknown":       "use missing, forbidden, failed",
		"--audio-only --from 2026-06-01":       "leave out --from",
		"--audio-only":                         "set sync.audio to check or store",
		"--audio-only --metrics-file some.txt": "--metrics-file",
	} {
		convsync(t, nil, append([]string{"run", "--config", file}, strings.Fields(args)...)...).want(t, exitUsage, said)
	}
}

func TestCheck_Recordings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		audio simulate.Audio
		code  int
		said  string
	}{
		"Raw":      {simulate.Audio{}, exitOK, "the key may read raw recordings"},
		"Redacted": {simulate.Audio{NoPIIAccess: true}, exitOK, "the key may read redacted ones only"},
		"None":     {simulate.Audio{Share: map[simulate.AudioFault]float64{simulate.AudioMissing: 1}}, exitOK, "none of the newest conversations has a recording"},
		"Key":      {simulate.Audio{APIKey: "another-made-up-key"}, exitFailed, "workspace_api_key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.audio.SampleRateHz = 50
			simulator, err := simulate.New(simulate.Options{
				Seed:  1,
				Audio: c.audio,
				Projects: []simulate.Project{{
					AccountID:    "acme-uk",
					ID:           recordedProject,
					From:         time.Now().Add(-20 * time.Hour),
					To:           time.Now().Add(-2 * time.Hour),
					Environments: []simulate.Environment{{Name: "live", Conversations: 50}},
				}},
			})
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(simulator)
			t.Cleanup(server.Close)
			file, _ := configureAudio(t, server.URL, into(filepath.Join(t.TempDir(), "lake")), "store")
			convsync(t, nil, "check", "--config", file).want(t, c.code, c.said, "can be used")
		})
	}
}
