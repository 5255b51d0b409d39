package loadtest

import (
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/warehouse"
)

// inMemory is the memory destination as a [Subject], with a guarantee broken on
// purpose or none.
type inMemory struct {
	*memory.Destination
	fault fault
}

func newInMemory(f fault) inMemory { return inMemory{memory.New(), f} }

func (m inMemory) Open(testing.TB, func(string)) load.Destination {
	if m.fault == none {
		return m.Destination
	}
	return newBroken(m.Destination, m.fault, nil)
}

func (m inMemory) Impatient(testing.TB) load.Destination {
	if m.fault == none {
		return m.Destination.Impatient()
	}
	b := newBroken(m.Destination, m.fault, nil)
	b.impatient = true
	return b
}

// LocksProjects implements [ProjectLocks].
func (m inMemory) LocksProjects() {}

func (m inMemory) Locator() string { return "memory" }

func (m inMemory) Dump(testing.TB) *Dump {
	out := dumpOf(m.Snapshot())
	out.Open = m.fault.queue(m.Snapshot()).Open()
	return out
}

func dumpOf(d *memory.Data) *Dump {
	out := &Dump{
		Conversations: map[[2]string]*warehouse.Rows{},
		Changes:       d.Changes,
		Coverage:      d.Coverage,
		Watermarks:    d.Watermarks,
		Open:          d.Open(),
		Rejects:       d.Rejects,
		Drift:         d.Drift,
		Projects:      d.Projects,
		Runs:          d.Runs,
		Lateness:      d.Lateness,
		VisibleAgain:  d.VisibleAgain,
		Holes:         d.Holes,
		Events:        d.Events,
		Alerts:        d.Alerts,
	}
	for id, rows := range d.Conversations {
		out.Conversations[id] = rows
	}
	return out
}

// inflictedAs maps each damage to the fault that Audit returns for it. The memory
// only records it, since its maps cannot contradict themselves.
var inflictedAs = map[Damage]load.FaultKind{
	DamageOrphan:     load.FaultOrphanParts,
	DamageOtherStart: load.FaultOrphanParts,
	DamageCopy:       load.FaultSecondCopy,
	DamageLifecycle:  load.FaultLifecycle,
	DamageUnqueued:   load.FaultNotQueued,
	DamageQueued:     load.FaultStaleEntry,
}

func (m inMemory) Inflict(_ testing.TB, damage Damage, of *warehouse.Rows) bool {
	c := &of.Conversation
	kind, possible := inflictedAs[damage]
	m.Edit(func(d *memory.Data) {
		switch {
		case damage == DamageTombstone:
			d.Erased, possible = append(d.Erased, memory.ID{c.ProjectID, c.ConversationID}), true
		case possible:
			d.Faults = map[string][]load.Fault{c.ProjectID: {{Kind: kind, ID: c.ConversationID, StartedAt: c.StartedAt}}}
		}
	})
	return possible
}

func TestRun_Memory(t *testing.T) {
	t.Parallel()
	Run(t, func(testing.TB) Subject { return newInMemory(none) })
}
