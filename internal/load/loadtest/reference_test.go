package loadtest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// reference is a minimal destination with all guarantees: maps in memory behind
// one mutex. fault breaks one of the guarantees on purpose.
type reference struct {
	fault fault

	mu       sync.Mutex
	data     Dump
	writers  []*referenceWriter // that are not closed
	unended  []unendedRun
	sequence int64
	epochs   int64

	remembered []load.Day // only with a fault
	faults     []load.Fault
	erased     []id
	saved      func() // called after each commit, if it is stored in a file
}

type id = [2]string

func newReference(f fault) *reference {
	return &reference{fault: f, data: Dump{Conversations: map[id]*warehouse.Rows{}}, saved: func() {}}
}

func (r *reference) Open(testing.TB, func(string)) load.Destination { return r }
func (r *reference) Locator() string                                { return "memory" }
func (r *reference) Check(context.Context) error                    { return nil }
func (r *reference) Prepare(context.Context) error                  { return nil }
func (r *reference) Close() error                                   { return nil }

func (r *reference) Dump(testing.TB) *Dump {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.data
	d.Conversations = map[id]*warehouse.Rows{}
	for key, rows := range r.data.Conversations {
		d.Conversations[key] = Clone(rows)
		c := &rows.Conversation
		if !rows.IsOpen() || c.MissingSince.Valid && r.fault != missingStaysOpen {
			continue
		}
		d.Open = append(d.Open, warehouse.OpenConversation{ProjectID: c.ProjectID, Environment: c.Environment,
			ConversationID: c.ConversationID, StartedAt: c.StartedAt, FirstSeenAt: c.FirstSeenAt})
	}
	d.Changes, d.Runs = slices.Clone(d.Changes), slices.Clone(d.Runs)
	d.Rejects, d.Drift = slices.Clone(d.Rejects), slices.Clone(d.Drift)
	d.Projects, d.Watermarks = slices.Clone(d.Projects), slices.Clone(d.Watermarks)
	d.Lateness, d.VisibleAgain, d.Holes = slices.Clone(d.Lateness), slices.Clone(d.VisibleAgain), slices.Clone(d.Holes)
	d.Events, d.Alerts = slices.Clone(d.Events), slices.Clone(d.Alerts)
	r.fault.dump(&d)
	return &d
}

type referenceWriter struct {
	*reference
	owner        load.Owner
	projects     []string // none: the whole destination
	epoch        int64
	environments map[string][]string
	staged       map[load.WindowID][]*load.Batch
	ended        chan struct{} // closed by Close
	closed       bool
}

func (w *referenceWriter) Register(_ context.Context, projects []load.Project) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range projects {
		for _, s := range w.data.Projects {
			if s.ProjectID == p.ProjectID && (s.AccountID != p.AccountID || s.Region != p.Region) && w.fault != mixesProjects {
				return &load.MixedProjectError{ProjectID: p.ProjectID,
					Stored: fmt.Sprintf("account %s, region %s", s.AccountID, s.Region), Configured: fmt.Sprintf("account %s, region %s", p.AccountID, p.Region)}
			}
		}
	}
	w.environments = map[string][]string{}
	for _, p := range projects {
		w.environments[p.ProjectID] = p.Environments
		same := func(s warehouse.Project) bool { return s.ProjectID == p.ProjectID }
		if i := slices.IndexFunc(w.data.Projects, same); i >= 0 && w.fault != forgetsOtherID {
			p.Project = load.Registered(&w.data.Projects[i], p.Project)
		}
		w.data.Projects = upsert(w.data.Projects, p.Project, same)
	}
	w.saved()
	return nil
}

// upsert replaces the row that is the same, or appends row.
func upsert[R any](rows []R, row R, same func(R) bool) []R {
	rows = slices.Clone(rows)
	if i := slices.IndexFunc(rows, same); i >= 0 {
		rows[i] = row
		return rows
	}
	return append(rows, row)
}

func (w *referenceWriter) Stage(_ context.Context, b *load.Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.staged[b.Window] = append(w.staged[b.Window], b)
	return nil
}

func (w *referenceWriter) Abandon(_ context.Context, st load.WindowID) (load.Counts, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault == keepsAbandoned {
		w.staged[0] = append(w.staged[0], w.staged[st]...)
	}
	delete(w.staged, st)
	return load.Counts{}, nil
}

func (w *referenceWriter) Publish(_ context.Context, st *load.Window) (load.Counts, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rows, of := w.rowsOf(st.ID)
	staged := len(rows)
	rows, others := w.newest(rows, of)
	if err := st.Unjudged(w.otherStarts(rows, of, others)); err != nil && w.fault != neverAsks {
		if w.fault == judgesLate {
			w.cover(st)
		}
		return load.Counts{}, err
	}
	delete(w.staged, st.ID)
	if w.fault == coverageFirst {
		w.cover(st)
		w.saved()
	}
	counts := load.Counts{Rows: map[string]int64{}, OtherStarts: others}
	if w.fault != forgetsTwice {
		counts.Unchanged = int64(staged - len(rows))
	}
	w.resolve(st, rows)
	for _, in := range rows {
		w.put(in, st, of[in], &counts)
	}
	if w.fault != missingLate {
		w.applyMissing(st, &counts)
	}
	w.storeRejects(st, &counts)
	w.setVisibleAgain(st, counts.VisibleAgain)
	w.hole(st)
	if w.fault != latenessLate {
		w.late(st.Feed, counts.Lateness)
	}
	w.cover(st)
	w.saved()
	switch w.fault {
	case missingLate:
		w.applyMissing(st, &counts)
		w.saved()
	case latenessLate:
		w.late(st.Feed, counts.Lateness)
		w.saved()
	}
	return counts, nil
}

// put writes a conversation if it has to be written.
func (w *referenceWriter) put(in *warehouse.Rows, st *load.Window, b *load.Batch, counts *load.Counts) {
	c := &in.Conversation
	key := id{c.ProjectID, c.ConversationID}
	if slices.Contains(w.erased, key) && w.fault != loadsErased {
		counts.Unchanged++
		return
	}
	stored := w.data.Conversations[key]
	if stored != nil && !w.replaces(c, &stored.Conversation, b, counts) {
		counts.Unchanged++
		return
	}
	outdated := stored != nil && b.Outdated(&stored.Conversation) && w.fault != oldOverNew
	if w.fault == replaysMissing {
		outdated = outdated && stored.Conversation.UpdatedAt > b.SeenAt
	}
	if outdated {
		counts.Unchanged++
		return
	}
	ruled := b.Ruled(stored)
	if w.fault == ignoresRules {
		ruled = stored
	}
	write := w.fault.reconcile(in, ruled, st.At, w.owner.RunID) || b.Rewrite && w.fault != trustsHashes
	w.fault.observe(counts, in, stored, st.At, b.LiveSince, write)
	if !write {
		counts.Unchanged++
		return
	}
	if stored == nil {
		counts.Inserted++
	} else {
		counts.Updated++
		if w.transcriptVisibleAgain(&in.Conversation, &stored.Conversation) {
			counts.VisibleAgain.Transcripts++
		}
		if w.metricsVisibleAgain(&in.Conversation, &stored.Conversation) {
			counts.VisibleAgain.Metrics++
		}
	}
	counts.Add(load.Counts{Rows: map[string]int64{
		"conversations": 1, "turns": int64(len(in.Turns)), "turn_entities": int64(len(in.Entities)),
		"conversation_metrics": int64(len(in.Metrics)), "audio_references": int64(len(in.Audio)),
	}})
	if w.fault == changesLate || w.fault == tornParts && stored != nil {
		half := Clone(in)
		if w.fault == tornParts {
			half.Turns = stored.Turns
		}
		w.data.Conversations[key] = half
		w.saved()
	}
	w.data.Conversations[key] = Clone(in)
	w.change(key, warehouse.OperationUpsert, st.At)
}

func (w *referenceWriter) change(key id, operation string, at warehouse.Timestamp) {
	if w.sequence++; w.fault == noSequence {
		w.sequence = 1
	}
	if w.fault == noChanges {
		return
	}
	w.data.Changes = append(w.data.Changes, warehouse.Change{Sequence: w.sequence, ProjectID: key[0], ConversationID: key[1],
		Operation: operation, At: at, RunID: w.owner.RunID})
}

// cover stores coverage and watermark.
func (w *referenceWriter) cover(st *load.Window) {
	w.storeOtherID(st)
	p, e := st.Feed.ProjectID, st.Feed.Environment
	if (st.Coverage != nil || w.fault == nilClearsCoverage) && w.fault != losesCoverage {
		of := func(c warehouse.CoverageRange) bool {
			return c.ProjectID == p && (c.Environment == e || w.fault == coverageOfAll)
		}
		w.data.Coverage = slices.DeleteFunc(slices.Clone(w.data.Coverage), of)
		for _, c := range st.Coverage {
			w.data.Coverage = append(w.data.Coverage, warehouse.CoverageRange{
				ProjectID: p, Environment: e, From: c.From, Until: c.Until, ReadAt: c.ReadAt, Shape: c.Shape})
		}
	}
	w.moveWatermark(st)
}

func (w *referenceWriter) Finish(_ context.Context, run *warehouse.SyncRun) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expire(run)
	run.Epoch = warehouse.Some(w.epoch)
	if n := len(w.data.Changes); n > 0 {
		run.LastChange = warehouse.Some(w.data.Changes[n-1].Sequence)
	}
	if w.fault != losesRuns {
		w.data.Runs = append(w.data.Runs, *run)
	}
	w.unended = slices.DeleteFunc(w.unended, func(u unendedRun) bool { return u.Epoch == w.epoch })
	w.saved()
	return nil
}

func (w *referenceWriter) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault != keepsLock {
		w.writers = slices.DeleteFunc(w.writers, func(other *referenceWriter) bool { return other == w })
	}
	if !w.closed {
		close(w.ended)
	}
	w.closed = true
	clear(w.staged)
	return nil
}
