package pipeline

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"time"

	"pgregory.net/rapid"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/polyai"
	"convsync/internal/warehouse"
)

// world is a source and a destination with the runs between them, and the checks
// after each run.
type world struct {
	t rapid.TB
	settings
	source *scripted
	store  *store
	start  extract.Second // configured start of the history
	client *polyai.Client
	server *httptest.Server
	runs   int
	clocks
	behind extract.Second // maximum by which a clock was behind
}

// settings do not change within a sequence.
type settings struct {
	habits
	environments  int // 0: 1
	atOnce        bool
	deleteMissing bool
	pageSize      int
	parallel      int // slices, and workers of each kind
	openAge       time.Duration
	lookback      []extract.Tier
	limit         MissingLimit
}

// clocks holds by how much the clocks of the source and of this machine are ahead of
// the right time. At most one is wrong.
type clocks struct{ source, local extract.Second }

// Earliest start of the generated history. The clock starts some days later.
var (
	modelBegin = extract.SecondOf(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
)

// modelEnvironments has the configured environments of the project.
var modelEnvironments = []string{"live", "sandbox"}

const (
	aMinute = extract.Second(60)
	anHour  = 60 * aMinute
	aDay    = 24 * anHour
)

// noLimit is a rate that causes no waiting, even after a 429 halves it.
const noLimit = 1e6

func newWorld(t rapid.TB, s settings) *world {
	w := &world{
		t:        t,
		settings: s,
		start:    modelBegin + 3*aDay + 5*anHour,
		source:   &scripted{clock: modelBegin + 9*aDay + 11*anHour + 7, habits: s.habits},
		store:    newStore(s.atOnce),
	}
	w.server = httptest.NewServer(w.source)
	client, err := polyai.New(polyai.Options{
		BaseURL: w.server.URL, Key: func(context.Context, bool) (string, error) { return w.key(), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.client = client
	return w
}

// key returns a different key for each run: a request of a stopped run may reach the
// source late.
func (w *world) key() string { return fmt.Sprintf("made-up-key-%d", w.runs) }

func (w *world) close() {
	w.client.Close()
	w.server.Close()
}

// tick advances the clock, so that the next step happens after the last run.
func (w *world) tick() extract.Second {
	w.source.clock++
	return w.source.clock
}

// plan adds a conversation that is open and starts in the future.
func (w *world) plan(start, length extract.Second) {
	at := w.tick()
	first := version{
		at:      at,
		content: 1,
		start:   warehouse.TimestampOf(start.Time()),
		env:     modelTransform.Environment,
		listed:  true,
		open:    true,
	}
	last := first
	last.at, last.content, last.open = at+length, 2, false
	w.source.conversations = append(w.source.conversations,
		&scriptedConversation{id: fmt.Sprintf("conversation-%d", len(w.source.conversations)), versions: []version{first, last}})
}

// arrive adds a conversation that becomes visible after a delay, and ends after the
// length from then; with length 0 it has ended when it becomes visible.
func (w *world) arrive(start warehouse.Timestamp, turns int, delay, length extract.Second) {
	w.arriveIn("live", start, turns, delay, length)
}

func (w *world) arriveIn(env string, start warehouse.Timestamp, turns int, delay, length extract.Second) {
	visible := w.tick() + delay
	first := version{
		at:       visible,
		content:  1,
		start:    start,
		env:      env,
		listed:   true,
		turns:    turns,
		numTurns: turns,
		open:     length > 0,
	}
	c := &scriptedConversation{id: fmt.Sprintf("conversation-%d", len(w.source.conversations)), versions: []version{first}}
	if length > 0 {
		first.at, first.content, first.open = visible+length, 2, false
		first.turns, first.numTurns = turns+1, turns+1
		c.versions = append(c.versions, first)
	}
	w.source.conversations = append(w.source.conversations, c)
}

// arriveTwice adds a second record with the id of another one.
func (w *world) arriveTwice(c *scriptedConversation, start warehouse.Timestamp, turns int) {
	if slices.ContainsFunc(w.withID(c.id), func(c *scriptedConversation) bool { return c.as(w.source.clock).start == start }) {
		return
	}
	twin := version{
		at:       w.tick(),
		content:  1,
		start:    start,
		env:      c.as(w.source.clock).env,
		listed:   true,
		turns:    turns,
		numTurns: turns,
	}
	w.source.conversations = append(w.source.conversations, &scriptedConversation{id: c.id, versions: []version{twin}})
}

// withID returns the conversations with an id: one, unless it has twins.
func (w *world) withID(id string) (found []*scriptedConversation) {
	for _, c := range w.source.conversations {
		if c.id == id && c.as(w.source.clock) != nil {
			found = append(found, c)
		}
	}
	return found
}

// hasTwin reports whether there is more than one conversation with an id.
func (w *world) hasTwin(id string) bool { return len(w.withID(id)) > 1 }

// moveEnvironment makes the source list a conversation in another environment.
func (w *world) moveEnvironment(c *scriptedConversation) {
	if w.environments < 2 || w.hasTwin(c.id) {
		return
	}
	c.change(w.tick(), func(v *version) {
		v.env = modelEnvironments[1-slices.Index(modelEnvironments, v.env)]
	})
}

// feeds returns the feeds of the project.
func (w *world) feeds() (feeds []load.Feed) {
	for _, env := range modelEnvironments[:max(w.environments, 1)] {
		feeds = append(feeds, load.Feed{ProjectID: modelTransform.ProjectID, Environment: env})
	}
	return feeds
}

// visible returns the conversations that the source has now, in order.
func (w *world) visible(which func(*version) bool) (found []*scriptedConversation) {
	for _, c := range w.source.conversations {
		if v := c.as(w.source.clock); v != nil && which(v) {
			found = append(found, c)
		}
	}
	return found
}

func isListed(v *version) bool { return v.listed }
func isGone(v *version) bool   { return !v.listed }

func (w *world) edit(c *scriptedConversation) { c.change(w.tick(), func(*version) {}) }

func (w *world) deleteTurn(c *scriptedConversation, counted bool) {
	c.change(w.tick(), func(v *version) {
		v.turns = max(v.turns-1, 0)
		if counted || v.turns == 0 { // a count without turns would mean that they are hidden
			v.numTurns = v.turns
		}
	})
}

// countZero makes the source report a count of 0, whatever turns it returns.
func (w *world) countZero(c *scriptedConversation) {
	c.change(w.tick(), func(v *version) { v.numTurns = 0 })
}

func (w *world) move(c *scriptedConversation, to warehouse.Timestamp) {
	if w.hasTwin(c.id) {
		return // it may be the start of the other
	}
	c.change(w.tick(), func(v *version) { v.start = to })
}

func (w *world) setListed(c *scriptedConversation, listed bool) {
	c.change(w.tick(), func(v *version) { v.listed = listed })
}

func (w *world) hide(turns, metrics bool) {
	w.tick()
	w.source.hideTurns, w.source.hideMetrics = turns, metrics
}

// renewRules marks all coverage and rows as those of an older transform version.
func (w *world) renewRules() {
	w.store.Edit(func(d *memory.Data) {
		for i := range d.Coverage {
			d.Coverage[i].Shape = "older"
		}
	})
}

// now returns the end of the coverage of the last successful run.
func (s feedStanding) now() extract.Second {
	if len(s.coverage) == 0 {
		return 0
	}
	return s.coverage[len(s.coverage)-1].Until
}

// run executes a run and checks its result.
func (w *world) run(a attempt) *outcome {
	w.runs++
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	a.trouble.stop = cancel
	if a.dead {
		a.ending.stop = cancel
	}
	o := &outcome{attempt: a, before: w.standing(), began: w.source.clock}
	w.source.begin(w.key(), a.trouble, w.clocks.source)
	w.store.begin(a.ending, a.loss)
	o.report, o.err = Run(ctx, w.options(&o.attempt))
	w.source.end()
	w.check(o)
	return o
}

// settle ends all faults and compares the stored data with the source.
func (w *world) settle() {
	w.hide(false, false)
	w.clocks = clocks{}
	for _, c := range w.visible(isPoisoned) {
		w.poison(c, "")
	}
	w.inEveryDay()
	w.source.clock += 8 * aDay // all future versions are current
	w.inEveryDay()
	everything := []extract.Tier{{Depth: 1000 * 24 * time.Hour}}
	w.run(attempt{lookback: everything})
	w.confirm()
	for range mostPoisoned {
		w.run(attempt{lookback: everything}) // requests some of the remaining holes
	}
	o := w.run(attempt{lookback: everything})
	w.checkConverged()
	w.checkQuiet(o)
}

// confirm confirms that all stored conversations that are not listed are missing, like
// `verify --repair`. Conversations that start after the earlier clock, or in a second
// that cannot be read, are left out.
func (w *world) confirm() {
	repairs, gone := map[load.Feed]Repair{}, map[string]bool{}
	for _, f := range w.feeds() {
		var repair Repair
		for id, r := range w.store.rows {
			listed := slices.ContainsFunc(w.withID(id), func(c *scriptedConversation) bool { return c.as(w.source.clock).listed })
			if isOf(f, r) && !listed && !r.Conversation.MissingSince.Valid {
				repair.Gone, gone[id] = append(repair.Gone, load.Key{ID: id, StartedAt: r.Conversation.StartedAt}), true
			}
		}
		repairs[f] = repair
	}
	o := w.run(attempt{repairs: repairs})
	failed := func(p Project) bool { return p.Status == warehouse.RunFailed }
	if slices.ContainsFunc(o.report.Projects, failed) && len(w.visible(isPoisoned)) > 0 {
		return // the newest second of an environment cannot be read: its run did not begin
	}
	for id := range gone {
		r := w.store.rows[id]
		if r == nil || r.Conversation.MissingSince.Valid {
			continue
		}
		if at := extract.SecondOf(r.Conversation.StartedAt.Time()); at < w.earliest(o) && !w.wasPoisonedNear(at) {
			w.fail("%s is not marked as missing although it was confirmed", id)
		}
	}
}

// inEveryDay adds a conversation to each day and part of a day that is read, so that
// none is empty, which would need confirmation.
func (w *world) inEveryDay() {
	for from := w.start; from < w.source.clock-10; from = from - from%aDay + aDay {
		until := min(from-from%aDay+aDay, w.source.clock-1)
		for _, f := range w.feeds() {
			w.arriveIn(f.Environment, warehouse.TimestampOf((from + (until-from)/2).Time()), 1, 0, 0)
		}
	}
}

// edges returns seconds at which off-by-one errors may occur.
func (w *world) edges() []extract.Second {
	edges := []extract.Second{w.start, w.source.clock - 1, w.source.clock - w.source.clock%aDay}
	for _, f := range w.feeds() {
		for _, c := range covered(w.store.of(f).Coverage) {
			edges = append(edges, c.From, c.Until)
		}
	}
	for _, r := range w.store.sorted() {
		edges = append(edges, extract.SecondOf(r.Conversation.StartedAt.Time()))
	}
	slices.Sort(edges)
	return slices.Compact(edges)
}
