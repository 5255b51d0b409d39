package loadtest

import (
	"context"
	"slices"
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// inflictedAs maps each damage to the fault that the reference reports. The
// reference only records the damage, since its maps cannot contradict themselves.
var inflictedAs = map[Damage]load.FaultKind{
	DamageOrphan: load.FaultOrphanParts, DamageOtherStart: load.FaultOrphanParts, DamageCopy: load.FaultSecondCopy,
	DamageLifecycle: load.FaultLifecycle, DamageUnqueued: load.FaultNotQueued, DamageQueued: load.FaultStaleEntry,
}

func (r *reference) Inflict(_ testing.TB, d Damage, of *warehouse.Rows) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &of.Conversation
	if d == DamageTombstone {
		r.erased = append(r.erased, id{c.ProjectID, c.ConversationID})
		return true
	}
	kind, possible := inflictedAs[d]
	if r.fault == namesFaultsAlike {
		kind = load.FaultManifest
	}
	if possible && r.fault != findsNoFaults {
		r.faults = append(r.faults, load.Fault{Kind: kind, ID: c.ConversationID, StartedAt: c.StartedAt})
	}
	return possible
}

func (r *reference) Audit(_ context.Context, _ string, _, _ warehouse.Timestamp, yield func(load.Fault) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.faults {
		if err := yield(f); err != nil {
			return err
		}
	}
	return nil
}

func (r *reference) Erased(_ context.Context, project string, ids []string) (erased []string, err error) {
	for _, e := range r.erased {
		if e[0] == project && slices.Contains(ids, e[1]) {
			erased = append(erased, e[1])
		}
	}
	return erased, nil
}

func (w *referenceWriter) Mend(_ context.Context, m *load.Mending) (load.Counts, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.faults {
		key := id{m.ProjectID, f.ID}
		w.change(key, warehouse.OperationUpsert, m.At)
		if w.fault == mendsByDeleting {
			delete(w.data.Conversations, key)
		}
	}
	if w.fault != mendsNothing {
		w.faults = nil
	}
	for _, k := range m.Reseal {
		key := id{m.ProjectID, k.ID}
		if r := w.data.Conversations[key]; r != nil && w.fault != acceptsNothing {
			load.Reseal(r, m.At, m.RunID)
			w.change(key, warehouse.OperationUpsert, m.At)
		}
	}
	return load.Counts{}, nil
}
