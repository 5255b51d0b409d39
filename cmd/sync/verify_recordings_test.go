package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/recordings"
	"convsync/internal/simulate"
)

// copies is a destination with stored recordings.
type copies struct {
	testing.TB
	config, folder string
	requests       func() int64
	paths          []string // of the files, in order
}

// storeCopies loads conversations into a destination, and stores their recordings.
func storeCopies(t *testing.T, destination string) *copies {
	t.Helper()
	simulator, server := withRecordings(t, 20, simulate.Audio{Bytes: 2000})
	c := &copies{TB: t, requests: simulator.Requests}
	c.config, c.folder = configureAudio(t, server.URL, destination, "store")
	runAudio(t, c.config, exitOK)
	c.paths, _ = filepath.Glob(filepath.Join(c.folder, recordedProject, "*/*/*/*.wav"))
	if len(c.paths) < 6 {
		t.Fatalf("only %d recordings are stored", len(c.paths))
	}
	return c
}

// verifiedCopies has the fields that the tests use of the JSON output.
type verifiedCopies struct {
	Verdict  string
	From     *time.Time
	Error    *struct{ Code string }
	Projects []struct {
		Copies, Bytes   int64
		Faults          map[string]int64
		Findings        []recordings.Finding
		ForeignVerified bool `json:"foreign_verified"`
		Error           *struct{ Code string }
	}
	Repair *struct{ Mended, Left map[string]int64 }
}

// verify runs `verify --recordings`, and checks that it requests nothing.
func (c *copies) verify(code int, flags ...string) (v verifiedCopies, r result) {
	c.Helper()
	before := c.requests()
	r = convsync(c, nil, append([]string{"verify", "--recordings", "--config", c.config, "--output", "json", "--log-level", "error"}, flags...)...)
	if err := json.Unmarshal([]byte(r.stdout), &v); err != nil || r.code != code || c.requests() != before {
		c.Fatalf("exit code %d, want %d; %d requests; %v\nstdout: %s\nstderr: %s", r.code, code, c.requests()-before, err, r.stdout, r.stderr)
	}
	return v, r
}

// damage alters two files, removes one and adds one.
func (c *copies) damage() map[string]int64 {
	c.Helper()
	b, err := os.ReadFile(c.paths[0])
	if err != nil {
		c.Fatal(err)
	}
	b[len(b)-1] ^= 1
	for _, err := range []error{
		os.WriteFile(c.paths[0], b, 0o600),
		os.Truncate(c.paths[1], 1000),
		os.Remove(c.paths[2]),
		os.WriteFile(c.paths[3]+".bak", b, 0o600),
	} {
		if err != nil {
			c.Fatal(err)
		}
	}
	return map[string]int64{recordings.AlteredRecording: 2, recordings.LostRecording: 1, recordings.ForeignRecording: 1}
}

func TestVerifyRecordings(t *testing.T) {
	t.Parallel()
	for name, destination := range map[string]func(t *testing.T) string{
		"Parquet":  func(t *testing.T) string { return into(filepath.Join(t.TempDir(), "lake")) },
		"Postgres": func(t *testing.T) string { return intoPostgres(newDatabase(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := storeCopies(t, destination(t))
			v, _ := c.verify(exitOK)
			p := v.Projects[0]
			if n := int64(len(c.paths)); v.Verdict != "ok" || v.From != nil || p.Copies != n || p.Bytes != 2000*n || !p.ForeignVerified || len(p.Findings) > 0 {
				t.Errorf("verified %+v", v)
			}
			want := c.damage()
			if v, _ := c.verify(exitPartial); v.Verdict != "attention" || !maps.Equal(v.Projects[0].Faults, want) {
				t.Errorf("found %+v, want %v", v, want)
			}
			v, _ = c.verify(exitOK, "--repair")
			if !maps.Equal(v.Repair.Mended, want) || len(v.Repair.Left) > 0 || v.Verdict != "ok" {
				t.Errorf("repaired %+v, want %v", v, want)
			}
			if kept, _ := filepath.Glob(filepath.Join(c.folder, ".convsync/quarantine/acme-team-4/*")); len(kept) != 3 {
				t.Errorf("in the quarantine: %v", kept)
			}
			runAudio(t, c.config, exitOK, "--audio-only")
			if v, _ := c.verify(exitOK, "--repair"); v.Projects[0].Copies != int64(len(c.paths)) || len(v.Repair.Mended) > 0 {
				t.Errorf("after the recordings were stored again: %+v", v)
			}
			if v, _ := c.verify(exitOK, "--from", "2026-01-01", "--to", "2026-01-02"); v.From == nil || v.Projects[0].Copies != 0 || v.Projects[0].ForeignVerified {
				t.Errorf("before all conversations: %+v", v)
			}
		})
	}
}

func TestVerifyRecordings_Text(t *testing.T) {
	t.Parallel()
	c := storeCopies(t, into(filepath.Join(t.TempDir(), "lake")))
	text := func(code int, flags []string, want ...string) {
		t.Helper()
		convsync(t, nil, append([]string{"verify", "--recordings", "--config", c.config, "--log-level", "error"}, flags...)...).want(t, code, want...)
	}
	text(exitOK, nil, "acme-team-4, all time: ", " stored recordings verified (", "no differences")
	c.damage()
	name := func(i int) string { return strings.TrimPrefix(c.paths[i], c.folder+"/") }
	text(exitPartial, nil, "2 altered_recording, 1 foreign_recording, 1 lost_recording", name(0)+": another SHA-256", name(1)+": 1000 bytes instead of 2000",
		"lost_recording       "+name(2), "foreign_recording    "+name(3)+".bak", "add --repair")
	text(exitOK, []string{"--repair"}, ", moved to .convsync/quarantine/acme-team-4/", "repaired: 2 altered_recording", "remaining: nothing")
	text(exitOK, []string{"--from", "2026-01-01"}, "2026-01-01T00:00:00Z to ", "only looked for without --from")
}

// TestVerifyRecordings_Claimed has another process that works on the recordings.
func TestVerifyRecordings_Claimed(t *testing.T) {
	t.Parallel()
	c := storeCopies(t, into(filepath.Join(t.TempDir(), "lake")))
	c.damage()
	claim, err := openConfigured(t, c.config).ClaimRecordings(t.Context(), load.Owner{RunID: "made-up-run"}, recordedProject)
	if err != nil {
		t.Fatal(err)
	}
	v, r := c.verify(exitLocked, "--repair")
	if v.Verdict != "failing" || v.Projects[0].Error == nil || !strings.Contains(r.stderr, "made-up-run") {
		t.Errorf("%+v\n%s", v, r.stderr)
	}
	if err := claim.Close(); err != nil {
		t.Fatal(err)
	}
	c.verify(exitOK, "--repair")
}

func TestVerifyRecordings_NoStore(t *testing.T) {
	t.Parallel()
	c := storeCopies(t, into(filepath.Join(t.TempDir(), "lake")))
	if err := os.Rename(c.folder, c.folder+"-away"); err != nil {
		t.Fatal(err)
	}
	if v, r := c.verify(exitFailed, "--repair"); v.Verdict != "failing" || !strings.Contains(r.stderr, "the disk is mounted") {
		t.Errorf("%+v\n%s", v, r.stderr)
	}
	if _, err := os.Stat(c.folder); err == nil {
		t.Error("the folder was created")
	}
	file := configure(t, "https://api.example.com", into(filepath.Join(t.TempDir(), "lake")))
	convsync(t, nil, "verify", "--recordings", "--config", file).want(t, exitUsage, "audio: {store: ./recordings}")
	convsync(t, nil, "verify", "--recordings", "--config", c.config, "--project", "other").want(t, exitUsage, "not configured")
}
