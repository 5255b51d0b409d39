package pipeline

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"time"

	"golang.org/x/sync/semaphore"
	"pgregory.net/rapid"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/polyai"
	"convsync/internal/warehouse"
)

// world is a source, a destination and what runs between them, with what must
// hold of these after each run.
type world struct {
	t rapid.TB
	settings
	source *scripted
	store  *store
	start  extract.Second // where the history begins, as configured
	client *polyai.Client
	server *httptest.Server
	runs   int
	clocks
	behind extract.Second // by how much a clock was behind at most
}

// settings are what does not change in a sequence.
type settings struct {
	habits
	environments  int // 1 unless set
	atOnce        bool
	deleteMissing bool
	pageSize      int
	parallel      int // slices, and workers of each kind
	openAge       time.Duration
	lookback      []extract.Tier
	limit         MissingLimit
}

// clocks are by how much the clocks of the source and of this machine are
// ahead of the right time. One at most is wrong: the other shows it.
type clocks struct{ source, local extract.Second }

// The made-up history may begin here; the clock stands some days later at first.
var (
	modelBegin = extract.SecondOf(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
)

// modelEnvironments are those of the made-up project, as configured.
var modelEnvironments = []string{"live", "sandbox"}

const (
	aMinute = extract.Second(60)
	anHour  = 60 * aMinute
	aDay    = 24 * anHour
)

// noLimit is a rate that no waiting comes of, also after a 429, which halves it.
const noLimit = 1e6

func newWorld(t rapid.TB, s settings) *world {
	w := &world{
		t: t, settings: s, start: modelBegin + 3*aDay + 5*anHour,
		source: &scripted{clock: modelBegin + 9*aDay + 11*anHour + 7, habits: s.habits},
		store:  &store{atOnce: s.atOnce, rows: map[string]*warehouse.Rows{}},
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

// key tells the runs apart: a request of a run that was stopped may reach the
// source late.
func (w *world) key() string { return fmt.Sprintf("made-up-key-%d", w.runs) }

func (w *world) close() {
	w.client.Close()
	w.server.Close()
}

// tick makes sure that what happens now happens after the last run.
func (w *world) tick() extract.Second {
	w.source.clock++
	return w.source.clock
}

// plan adds a conversation that is open and starts in the future.
func (w *world) plan(start, length extract.Second) {
	at := w.tick()
	first := version{at: at, content: 1, start: warehouse.TimestampOf(start.Time()), env: modelRules.Environment, listed: true, open: true}
	last := first
	last.at, last.content, last.open = at+length, 2, false
	w.source.conversations = append(w.source.conversations,
		&told{id: fmt.Sprintf("conversation-%d", len(w.source.conversations)), versions: []version{first, last}})
}

// arrive adds a conversation that becomes visible after a delay, and ends a
// while after that; after 0 it has ended when it is first seen.
func (w *world) arrive(start warehouse.Timestamp, turns int, delay, length extract.Second) {
	w.arriveIn("live", start, turns, delay, length)
}

func (w *world) arriveIn(env string, start warehouse.Timestamp, turns int, delay, length extract.Second) {
	visible := w.tick() + delay
	first := version{at: visible, content: 1, start: start, env: env, listed: true, turns: turns, numTurns: turns, open: length > 0}
	c := &told{id: fmt.Sprintf("conversation-%d", len(w.source.conversations)), versions: []version{first}}
	if length > 0 {
		first.at, first.content, first.open = visible+length, 2, false
		first.turns, first.numTurns = turns+1, turns+1
		c.versions = append(c.versions, first)
	}
	w.source.conversations = append(w.source.conversations, c)
}

// arriveTwice adds a second record with the id of another one.
func (w *world) arriveTwice(c *told, start warehouse.Timestamp, turns int) {
	if slices.ContainsFunc(w.withID(c.id), func(c *told) bool { return c.as(w.source.clock).start == start }) {
		return
	}
	twin := version{at: w.tick(), content: 1, start: start, env: c.as(w.source.clock).env, listed: true, turns: turns, numTurns: turns}
	w.source.conversations = append(w.source.conversations, &told{id: c.id, versions: []version{twin}})
}

// withID are the conversations with an id: one, unless it has twins.
func (w *world) withID(id string) (found []*told) {
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
func (w *world) moveEnvironment(c *told) {
	if w.environments < 2 || w.hasTwin(c.id) {
		return
	}
	c.change(w.tick(), func(v *version) {
		v.env = modelEnvironments[1-slices.Index(modelEnvironments, v.env)]
	})
}

// feeds are the feeds of the project.
func (w *world) feeds() (feeds []load.Feed) {
	for _, env := range modelEnvironments[:max(w.environments, 1)] {
		feeds = append(feeds, load.Feed{ProjectID: modelRules.ProjectID, Environment: env})
	}
	return feeds
}

// visible is the conversations that are known to the source, in order.
func (w *world) visible(which func(*version) bool) (found []*told) {
	for _, c := range w.source.conversations {
		if v := c.as(w.source.clock); v != nil && which(v) {
			found = append(found, c)
		}
	}
	return found
}

func isListed(v *version) bool { return v.listed }
func isGone(v *version) bool   { return !v.listed }

func (w *world) edit(c *told) { c.change(w.tick(), func(*version) {}) }

func (w *world) deleteTurn(c *told, counted bool) {
	c.change(w.tick(), func(v *version) {
		v.turns = max(v.turns-1, 0)
		if counted || v.turns == 0 { // without turns, but for the count, they would be hidden
			v.numTurns = v.turns
		}
	})
}

// countZero makes the source count no turns, whatever it shows.
func (w *world) countZero(c *told) {
	c.change(w.tick(), func(v *version) { v.numTurns = 0 })
}

func (w *world) move(c *told, to warehouse.Timestamp) {
	if w.hasTwin(c.id) {
		return // to the start of the other, at worst
	}
	c.change(w.tick(), func(v *version) { v.start = to })
}

func (w *world) setListed(c *told, listed bool) {
	c.change(w.tick(), func(v *version) { v.listed = listed })
}

func (w *world) hide(turns, metrics bool) {
	w.tick()
	w.source.hideTurns, w.source.hideMetrics = turns, metrics
}

// renewRules makes all that was read look as if it was read by older rules.
func (w *world) renewRules() {
	for _, f := range w.store.feeds {
		for i := range f.coverage {
			f.coverage[i].Shape = "older"
		}
	}
}

// attempt is how a run is made, and what it meets.
type attempt struct {
	backfill extract.Span
	trouble
	ending
	loss
	lookback []extract.Tier // the world's unless set
	repairs  map[load.Feed]Repair
}

// troubled reports whether the run may end early.
func (a *attempt) troubled() bool {
	return len(a.trouble.at) > 0 || !a.broken.Empty() || a.brokenIn != "" || a.downEnd != 0 || a.stopAt > 0 || a.ending.at > 0 || a.loss.at > 0
}

func (w *world) options(a *attempt) Options {
	stats := &extract.Stats{}
	budget, slots := extract.NewBudget(extract.BudgetOptions{PerSecond: noLimit}), semaphore.NewWeighted(int64(w.parallel))
	var feeds []Feed
	for _, f := range w.feeds() {
		reader := &extract.Reader{
			Source: w.client, AccountID: modelRules.AccountID, ProjectID: f.ProjectID, Environment: f.Environment,
			PageSize: w.pageSize, Budget: budget, Slots: slots, Walks: semaphore.NewWeighted(int64(w.parallel)), Stats: stats, Backoff: time.Microsecond,
		}
		rules := modelRules
		rules.Environment = f.Environment
		feeds = append(feeds, Feed{Feed: f, Reader: reader, Rules: rules, Start: w.start})
	}
	if a.lookback == nil {
		a.lookback = w.lookback
	}
	return Options{
		Feeds:       feeds,
		Destination: w.store, Owner: load.Owner{RunID: fmt.Sprintf("run-%d", w.runs)}, Stats: stats,
		Backfill: a.backfill, Lookback: a.lookback, OpenAgeLimit: w.openAge, DeleteMissing: w.deleteMissing,
		MissingLimit: w.limit, Repairs: a.repairs,
		TransformWorkers: w.parallel, LoadWorkers: w.parallel,
		Clock: func() time.Time { return w.source.now().Time().Add(time.Duration(w.local) * time.Second) },
	}
}

// outcome is what a run left, and what it began with.
type outcome struct {
	attempt
	report *Report
	err    error
	before standing
	began  extract.Second // the right time when the run began
}

// earliest is the earlier clock when the run began.
func (w *world) earliest(o *outcome) extract.Second {
	return o.began + min(w.clocks.source, w.clocks.local)
}

// standing is what the destination held before a run.
type standing struct {
	rows  map[string]*warehouse.Rows
	feeds map[load.Feed]feedStanding
}

// feedStanding is what it held of a feed.
type feedStanding struct {
	coverage     []extract.Covered
	holes        []warehouse.Hole
	watermark    extract.Second
	open         []load.OpenConversation
	visibleAgain bool
}

// now is the upper end of the last run that succeeded, by its coverage.
func (s feedStanding) now() extract.Second {
	if len(s.coverage) == 0 {
		return 0
	}
	return s.coverage[len(s.coverage)-1].Until
}

func (w *world) standing() standing {
	states, err := w.store.State(context.Background(), w.feeds())
	if err != nil {
		w.t.Fatal(err)
	}
	s := standing{rows: map[string]*warehouse.Rows{}, feeds: map[load.Feed]feedStanding{}}
	for f, state := range states {
		feed := feedStanding{coverage: covered(state.Coverage), open: state.Open, holes: state.Holes, visibleAgain: state.Revealed}
		if at := state.Watermark; at != 0 {
			feed.watermark = extract.SecondOf(at.Time())
		}
		s.feeds[f] = feed
	}
	for id, r := range w.store.rows {
		s.rows[id] = r
	}
	return s
}

// run makes a run, and checks what it left.
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

// settle ends all trouble and compares what is stored with the source.
func (w *world) settle() {
	w.hide(false, false)
	w.clocks = clocks{}
	for _, c := range w.visible(isPoisoned) {
		w.poison(c, "")
	}
	w.inEveryDay()
	w.source.clock += 8 * aDay // all that is to come has come
	w.inEveryDay()
	everything := []extract.Tier{{Depth: 1000 * 24 * time.Hour}}
	w.run(attempt{lookback: everything})
	w.confirm()
	for range mostPoisoned {
		w.run(attempt{lookback: everything}) // asks for some of the holes that are left
	}
	o := w.run(attempt{lookback: everything})
	w.checkConverged()
	w.checkQuiet(o)
}

// confirm says of all that is stored and not listed that it is gone, as `verify
// --repair` does. What starts after the earlier clock is not judged, nor what the
// source cannot be asked for.
func (w *world) confirm() {
	repairs, gone := map[load.Feed]Repair{}, map[string]bool{}
	for _, f := range w.feeds() {
		var repair Repair
		for id, r := range w.store.rows {
			listed := slices.ContainsFunc(w.withID(id), func(c *told) bool { return c.as(w.source.clock).listed })
			if isOf(f, r) && !listed && !r.Conversation.MissingSince.Valid {
				repair.Gone, gone[id] = append(repair.Gone, load.Key{ID: id, StartedAt: r.Conversation.StartedAt}), true
			}
		}
		repairs[f] = repair
	}
	o := w.run(attempt{repairs: repairs})
	if o.report.Status == warehouse.RunFailed && len(w.visible(isPoisoned)) > 0 {
		return // the newest second cannot be read: the run did not begin
	}
	for id := range gone {
		r := w.store.rows[id]
		if r == nil || r.Conversation.MissingSince.Valid {
			continue
		}
		if at := extract.SecondOf(r.Conversation.StartedAt.Time()); at < w.earliest(o) && !w.wasPoisonedNear(at) {
			w.fail("%s is not called missing though it is confirmed", id)
		}
	}
}

// inEveryDay adds a conversation to each day and part of a day that is read, so
// that none comes back empty, which would be suspicious.
func (w *world) inEveryDay() {
	for from := w.start; from < w.source.clock-10; from = from - from%aDay + aDay {
		until := min(from-from%aDay+aDay, w.source.clock-1)
		for _, f := range w.feeds() {
			w.arriveIn(f.Environment, warehouse.TimestampOf((from + (until-from)/2).Time()), 1, 0, 0)
		}
	}
}

// edges are seconds at which something may go wrong by one.
func (w *world) edges() []extract.Second {
	edges := []extract.Second{w.start, w.source.clock - 1, w.source.clock - w.source.clock%aDay}
	for _, f := range w.feeds() {
		for _, c := range covered(w.store.of(f).coverage) {
			edges = append(edges, c.From, c.Until)
		}
	}
	for _, r := range w.store.sorted() {
		edges = append(edges, extract.SecondOf(r.Conversation.StartedAt.Time()))
	}
	slices.Sort(edges)
	return slices.Compact(edges)
}
