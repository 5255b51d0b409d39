package pipeline

import (
	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/polyai"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// digests returns the stored digests, by id.
func (s *store) digests() map[string]warehouse.Digest {
	digests := map[string]warehouse.Digest{}
	s.Edit(func(d *memory.Data) {
		for id, digest := range d.Digests {
			digests[id[1]] = digest
		}
	})
	return digests
}

// forms are all forms of a version, apart from values that change by themselves.
func forms() (all []form) {
	for i := range 8 {
		all = append(all, form{hideTurns: i&1 > 0, hideMetrics: i&2 > 0, reordered: i&4 > 0})
	}
	return all
}

// checkDigests: a stored digest is that of what the source returned, and reading this
// again would change nothing.
func (w *world) checkDigests() {
	for id, digest := range w.store.digests() {
		stored := w.store.rows[id]
		switch {
		case stored == nil:
			w.fail("the digest of %s, which is not stored", id)
		case stored.Conversation.MissingSince.Valid || stored.Conversation.Lifecycle != warehouse.LifecycleFinal:
			w.fail("the digest of %s, which has to be decoded each time", id)
		}
		in := w.returned(id, digest, stored.Conversation.Environment)
		if in == nil {
			w.fail("the source never returned what %s has the digest of", id)
		}
		batch := &load.Batch{}
		decision := batch.Decide(modelEnvironments, &in.Conversation, load.KeyOf(&stored.Conversation))
		if decision.Action == load.Merge {
			decision = batch.Merge(in, stored.Clone(), 1, "")
		}
		if decision.Action != load.Unchanged {
			w.fail("%s has a digest, but reading it again would be %s", id, decision.Action)
		}
		if len(in.Turns)+len(in.Metrics) == 0 {
			w.fail("%s has the digest of a version that shows nothing", id)
		}
	}
}

// returned returns the rows of what the source returned in an environment with a digest;
// nil if there is nothing.
func (w *world) returned(id string, digest warehouse.Digest, env string) *warehouse.Rows {
	options := modelTransform
	options.Environment = env
	digester := transform.NewDigester(&options)
	for _, c := range w.withID(id) {
		for i := range c.versions {
			v := &c.versions[i]
			for _, f := range forms() {
				value := polyai.Value(c.json(v, f))
				if digester.Digest(value) != digest {
					continue
				}
				rows, _, err := transform.Rows(value, &options, 0)
				if err != nil {
					w.fail("the digest of %s is of a reject: %v", id, err)
				}
				return rows
			}
		}
	}
	return nil
}

// checkDigestsStored: after everything was read, each conversation that has ended and
// shows something has a digest.
func (w *world) checkDigestsStored() {
	digests := w.store.digests()
	for _, c := range w.source.conversations {
		v, stored := c.as(w.source.clock), w.store.rows[c.id]
		if stored == nil || !v.listed || v.second() < w.start || w.isAstray(c) || w.hasTwin(c.id) {
			continue
		}
		if digest := digests[c.id]; !digest.IsKnown() {
			w.fail("%s has no digest at the end", c.id)
		}
	}
}

// checkSkipped: a second run over everything decodes no conversation with a digest,
// except for those that start in the future, where nothing is covered.
func (w *world) checkSkipped(digests map[string]warehouse.Digest) {
	for id := range digests {
		stored := w.store.rows[id]
		if !w.store.staged[id] || stored == nil || secondOf(stored.Conversation.StartedAt) >= w.source.clock || w.hasTwin(id) || w.isAstray(w.withID(id)[0]) {
			continue
		}
		w.fail("%s was decoded by a second run", id)
	}
}
