package pipeline

import (
	"maps"
	"time"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// counts returns the current counters, without those of the source.
func (r *Report) counts() *Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &Report{
		RunID:         r.RunID,
		Kind:          r.Kind,
		StartedAt:     r.StartedAt,
		Conversations: r.Conversations,
		Rows:          maps.Clone(r.Rows),
		NewRejects:    r.NewRejects,
		Missing:       r.Missing,
		Drift:         r.Drift,
	}
}

// count copies the counters of the readers.
func (r *Report) count(s *extract.Stats) {
	r.Requests, r.Retries = s.Requests.Load(), s.Retries.Load()
	r.Traffic = Traffic{Bytes: s.Bytes.Load(), Waited: s.Waited(), Responses: s.Responses()}
}

// add counts the result of a window.
func (r *Report) add(c load.Counts, st *window) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep(c)
	r.Conversations.Read += st.read
	r.Conversations.Rejected += st.rejected
	of := r.feed(st.feed)
	of.Conversations.add(c)
	of.Conversations.Read += st.read
	of.Conversations.Rejected += st.rejected
	if c.NewRejects > 0 {
		of.Status = worse(of.Status, warehouse.RunPartial)
	}
	r.NewRejects += c.NewRejects
	r.Missing += c.Missing
	r.Drift += st.drifting + c.Elsewhere
}

// addAbandoned counts the result of a window that failed. Conversations that the
// destination committed nevertheless count as read; the others are read again.
func (r *Report) addAbandoned(c load.Counts, st *window) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep(c)
	r.Conversations.Read += c.Inserted + c.Updated + c.Unchanged
	of := r.feed(st.feed)
	of.Conversations.add(c)
	of.Conversations.Read += c.Inserted + c.Updated + c.Unchanged
}

// keep counts what the destination committed.
func (r *Report) keep(c load.Counts) {
	r.Conversations.add(c)
	for table, n := range c.Rows {
		r.Rows[table] += n
	}
}

func (c *Conversations) add(kept load.Counts) {
	c.Inserted += kept.Inserted
	c.Updated += kept.Updated
	c.Unchanged += kept.Unchanged
}

// took returns a function that sets the duration of a feed, from began until its
// call.
func (r *Report) took(f load.Feed, began time.Time) func(clock func() time.Time) {
	return func(clock func() time.Time) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.feed(f).Seconds = clock().Sub(began).Seconds()
	}
}
