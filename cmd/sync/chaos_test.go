package main

import (
	"bytes"
	"context"
	"flag"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"convsync/internal/load/pgtest"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

var (
	chaosKills = flag.Int("chaos.kills", 12, "how often a run is killed, for each destination")
	chaosSeed  = flag.Uint64("chaos.seed", 0, "seed of the kill test; by the clock unless set")
)

// chaos is a source that keeps changing, and a destination whose writer is
// killed again and again.
type chaos struct {
	t         *testing.T
	random    *rand.Rand
	simulator *simulate.Simulator
	later     atomic.Int64           // by which the source's clock has gone on
	before    atomic.Pointer[func()] // called before each request; nil: nothing is
	config    string
	removed   map[string]bool
	typical   time.Duration // what a run takes that is left alone
}

const chaosConversations = 4000

func newChaos(t *testing.T, destination string) *chaos {
	t.Helper()
	seed := *chaosSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-chaos.seed=%d", seed)
	c := &chaos{t: t, random: rand.New(rand.NewPCG(seed, seed)), removed: map[string]bool{}}
	var err error
	c.simulator, err = simulate.New(simulate.Options{
		Seed: seed, Deviations: simulate.Deviations{LateArrivals: true, PageOverlap: true, MetricForms: true, EntityForms: true},
		Now: c.now,
		Projects: []simulate.Project{{
			AccountID:    "acme-uk",
			ID:           "acme-team-4",
			From:         standing.AddDate(0, 0, -20),
			To:           standing.AddDate(0, 0, 20),
			TurnsMean:    4,
			Environments: []simulate.Environment{{Name: "live", Conversations: 2 * chaosConversations}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before := c.before.Load(); before != nil {
			(*before)()
		}
		c.simulator.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	c.config = configure(t, server.URL, destination)
	return c
}

// upTo is a random time below d.
func (c *chaos) upTo(d time.Duration) time.Duration { return time.Duration(c.random.Int64N(int64(d))) }

func (c *chaos) now() time.Time { return standing.Add(time.Duration(c.later.Load())) }

// run runs convsync as a process, and kills it after a while unless kill is 0.
func (c *chaos) run(kill time.Duration, args ...string) (killed bool) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	defer cancel()
	if kill > 0 {
		time.AfterFunc(kill, cancel)
	}
	return c.runUntil(ctx, args...)
}

// runUntil runs convsync as a process, and kills it at the end of ctx.
func (c *chaos) runUntil(ctx context.Context, args ...string) (killed bool) {
	c.t.Helper()
	// CommandContext kills with SIGKILL.
	cmd := command(ctx, append([]string{"run", "--config", c.config, "--log-level", "error", "--when-locked", "wait"}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil {
		return true
	}
	if exit, ok := err.(*exec.ExitError); err != nil && (!ok || exit.ExitCode() != exitOK) { //nolint:errorlint // as os/exec returns it
		c.t.Fatalf("a run that was left alone: %v\n%s", err, out.String())
	}
	return false
}

// change lets the source do what sources do between two runs.
func (c *chaos) change() {
	c.later.Add(int64(c.upTo(2 * time.Hour)))
	for range c.random.IntN(60) {
		index := c.random.IntN(chaosConversations)
		o := simulate.Override{Note: "a made-up note"}
		switch c.random.IntN(5) {
		case 0:
			o = simulate.Override{DropTurns: 1}
		case 1:
			o = simulate.Override{Move: c.upTo(72*time.Hour) - 36*time.Hour}
		case 2:
			o = simulate.Override{MetricName: "made_up", MetricValue: "words"}
		case 3:
			o = simulate.Override{Remove: true}
		}
		c.simulator.Override("acme-team-4", "live", index, o)
	}
}

// everything is a backfill over the whole history.
func everything() []string {
	return []string{"--from", standing.AddDate(0, 0, -25).Format(time.DateOnly)}
}

// killAgainAndAgain kills runs until enough of them were.
func (c *chaos) killAgainAndAgain() {
	started := time.Now()
	kills := 0
	for n := 0; kills < *chaosKills; n++ {
		args := everything()
		if n%3 == 0 {
			args = nil
		}
		waitLimit := 2 * time.Second
		if c.typical > 0 {
			waitLimit = c.typical * 5 / 4
		}
		began := time.Now()
		if c.run(c.upTo(waitLimit)+time.Millisecond, args...) {
			kills++
		} else if args != nil {
			c.typical = time.Since(began)
		}
		c.change()
	}
	c.t.Logf("%d kills in %v", kills, time.Since(started).Round(time.Second))
}

// settle lets one run go to its end, and another find nothing to do.
func (c *chaos) settle() {
	c.run(0, everything()...)
	if s := run(c.t, c.config, exitOK); s.Conversations.Inserted != 0 {
		c.t.Errorf("after a whole reading, a run inserts %+v", s)
	}
}

// keepTranscript puts a stored transcript into the truth where the source has
// dropped the last turn: an answer without turns deletes none.
func keepTranscript(truth *simulate.Truth, store map[string]rowsOf) {
	stored := store["conversations"][truth.ID]
	if len(truth.Turns) > 0 || len(stored) == 0 || stored[0]["transcript_status"] != warehouse.TranscriptHiddenKept {
		return
	}
	for column, value := range stored[0] {
		if column == "transcript_status" || column == "turns_loaded" || strings.HasPrefix(column, "latency_") {
			truth.Conversation[column] = value
		}
	}
	truth.Turns, truth.Entities = store["turns"][truth.ID], store["turn_entities"][truth.ID]
}

// wantTruth compares what is stored with the truth. What the source has removed
// is still stored, and marked.
func (c *chaos) wantTruth(name string, store map[string]rowsOf) {
	c.t.Helper()
	listed := 0
	for truth := range c.simulator.Truth("acme-team-4", "live", c.now()) {
		listed++
		conversation := store["conversations"][truth.ID]
		keepTranscript(truth, store)
		sameRows(c.t, name, truth.ID, "conversations", []map[string]any{truth.Conversation}, conversation)
		sameRows(c.t, name, truth.ID, "turns", truth.Turns, store["turns"][truth.ID])
		sameRows(c.t, name, truth.ID, "turn_entities", truth.Entities, store["turn_entities"][truth.ID])
		sameRows(c.t, name, truth.ID, "conversation_metrics", truth.Metrics, store["conversation_metrics"][truth.ID])
		if conversation[0]["missing_since"] != nil {
			c.t.Errorf("%s: %q is marked as missing, and is listed", name, truth.ID)
		}
		delete(store["conversations"], truth.ID)
	}
	for id, rows := range store["conversations"] {
		if len(rows) != 1 || rows[0]["missing_since"] == nil {
			c.t.Errorf("%s: %q is stored %d times though it is not listed, and not marked", name, id, len(rows))
		}
	}
	if listed < chaosConversations/2 {
		c.t.Errorf("the truth has only %d conversations", listed)
	}
}

func TestKilledAtAnyMomentParquetEndsAsTheTruth(t *testing.T) {
	t.Parallel()
	lake := filepath.Join(t.TempDir(), "lake")
	c := newChaos(t, into(lake))
	c.killAgainAndAgain()
	c.settle()
	c.wantTruth("Parquet", readLake(t, lake))
	err := filepath.WalkDir(lake, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && (strings.Contains(name, "/_sync/tmp/") || strings.HasSuffix(name, "journal")) {
			t.Errorf("%s is left over", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestKilledAtAnyMomentPostgresEndsAsTheTruth(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	c := newChaos(t, intoPostgres(database))
	c.killAgainAndAgain()
	c.settle()
	c.wantTruth("Postgres", readDatabase(t, database))
}
