package loadtest

import (
	"maps"
	"slices"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Damage is a change of stored data by hand, not through the loader.
type Damage string

// The damages that a [Subject] inflicts on a stored conversation.
const (
	DamageOrphan     Damage = "turns of an unknown conversation next to it"
	DamageOtherStart Damage = "its turns a second time, an hour later"
	DamageCopy       Damage = "a second copy of it, five days later"
	DamageLifecycle  Damage = "its lifecycle set to open"
	DamageUnqueued   Damage = "its entry of the queue deleted"
	DamageQueued     Damage = "an entry of the queue for it"
	DamageNoKey      Damage = "its key deleted"
	DamageKey        Damage = "its key changed"
	DamageNoRow      Damage = "its row lost, but not its parts"
	DamageNoTurns    Damage = "the file of its turns lost"
	DamageFile       Damage = "the file of its turns truncated"
	DamageForeign    Damage = "a foreign file next to its own"
	DamageDay        Damage = "the files of its day copied to another day"
	DamageManifest   Damage = "its day removed from the manifest"
	DamageCutState   Damage = "the manifest of its month truncated"
	DamageTombstone  Damage = "a tombstone for it"
)

// auditingChecks check that stored data that contradicts itself is found and repaired.
var auditingChecks = slices.Concat([]check{
	{"auditing/no faults", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p", "q")
		loadAudited(b)
		faults(t, b, nil)
		mend(t, b, nil)
		faults(t, b, nil)
	}},
	{"auditing/reseal", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(byHand(Conversation("p", "c-1", Noon)), Conversation("p", "c-2", Noon))
		before := dump(t, s)
		mend(t, b, []load.Key{{ID: "c-1", StartedAt: warehouse.TimestampOf(Noon)}, {ID: "unknown", StartedAt: warehouse.TimestampOf(Noon)}})
		after := dump(t, s)
		after.count(t, 2)
		got := after.of("c-1")
		if c := &got.Conversation; c.ContentHash != got.Hash() || c.TurnsLoaded != 1 || c.Summary != "Somebody was here." {
			t.Errorf("the hash does not match the rows: %+v", c)
		}
		if diff := Diff(before.of("c-2"), after.of("c-2")); diff != "" {
			t.Errorf("another conversation changed: %s", diff)
		}
		if after.upserts("c-1") != 2 || after.upserts("c-2") != 1 || len(after.Changes) != 3 {
			t.Errorf("changes: %+v", after.Changes)
		}
	}},
	{"auditing/erased", func(t testing.TB, s Subject) {
		begin(t, s, 1, "p").end()
		erased := Conversation("p", "c-1", Noon)
		s.Inflict(t, DamageTombstone, erased)
		b := begin(t, s, 2, "p")
		ids, err := b.dest.Erased(t.Context(), "p", []string{"c-1", "c-2"})
		if err != nil || !slices.Equal(ids, []string{"c-1"}) {
			t.Errorf("erased: %v, %v", ids, err)
		}
		if ids, err := b.dest.Erased(t.Context(), "q", []string{"c-1"}); err != nil || len(ids) != 0 {
			t.Errorf("erased of another project: %v, %v", ids, err)
		}
		for _, b.rewrite = range []bool{false, true} {
			b.load(erased)
		}
		b.end()
		dump(t, s).count(t, 0)
	}},
}, damageChecks())

// damages lists, for each damage, the conversation that it is inflicted on and the
// kinds of fault that it may be found as. The first kind must be found.
var damages = []struct {
	damage Damage
	to     string
	kinds  []load.FaultKind
}{
	{DamageOrphan, "plain", []load.FaultKind{load.FaultOrphanParts, load.FaultAlteredFile, load.FaultMisplaced}},
	{DamageOtherStart, "plain", []load.FaultKind{load.FaultOrphanParts, load.FaultAlteredFile, load.FaultMisplaced}},
	{DamageOtherStart, "kept", []load.FaultKind{load.FaultOrphanParts, load.FaultAlteredFile, load.FaultMisplaced}},
	{DamageCopy, "plain", []load.FaultKind{load.FaultSecondCopy, load.FaultManifest}},
	{DamageCopy, "kept", []load.FaultKind{load.FaultSecondCopy, load.FaultManifest}},
	{DamageLifecycle, "plain", []load.FaultKind{load.FaultLifecycle, load.FaultNotQueued, load.FaultStaleKey, load.FaultAlteredFile}},
	{DamageUnqueued, "open", []load.FaultKind{load.FaultNotQueued}},
	{DamageQueued, "plain", []load.FaultKind{load.FaultStaleEntry}},
	{DamageQueued, "gone", []load.FaultKind{load.FaultStaleEntry}},
	{DamageNoKey, "kept", []load.FaultKind{load.FaultMissingKey}},
	{DamageKey, "plain", []load.FaultKind{load.FaultStaleKey}},
	{DamageForeign, "plain", []load.FaultKind{load.FaultForeignFile}},
	{DamageDay, "kept", []load.FaultKind{load.FaultMisplaced, load.FaultManifest, load.FaultSecondCopy}},
	{DamageManifest, "plain", []load.FaultKind{load.FaultManifest}},
	{DamageCutState, "plain", []load.FaultKind{load.FaultManifest}},
}

// loadAudited loads one conversation of each sort: plain, open, with a kept
// transcript, missing at the source, and of other feeds.
func loadAudited(b *session) map[string]*warehouse.Rows {
	loaded := map[string]*warehouse.Rows{}
	for _, r := range []*warehouse.Rows{
		Conversation("p", "gone", Noon), Conversation("p", "kept", Noon.Add(time.Minute)), Conversation("p", "open", Noon.Add(2*time.Minute), Open()),
		Conversation("p", "plain", Noon.Add(3*time.Minute)), Conversation("p", "sandbox", Noon.Add(4*time.Minute), In(Sandbox)),
		Conversation("p", "later", Noon.AddDate(0, 0, 5)),
	} {
		loaded[r.Conversation.ConversationID] = r
		b.load(r)
	}
	b.load(Conversation("q", "plain", Noon.Add(3*time.Minute)))
	b.load(Conversation("p", "kept", Noon.Add(time.Minute), Hidden(warehouse.Some(int64(3)))))
	b.miss(live("p"), load.Key{ID: "gone", StartedAt: warehouse.TimestampOf(Noon)})
	return loaded
}

// damageChecks inflict each damage, and check that it is found with its kind and
// repaired, and that nothing else changes.
func damageChecks() (checks []check) {
	for _, d := range damages {
		checks = append(checks, check{"auditing/" + string(d.damage) + ", " + d.to, func(t testing.TB, s Subject) {
			b := begin(t, s, 1, "p", "q")
			loaded := loadAudited(b)
			before := dump(t, s)
			b.end()
			if !s.Inflict(t, d.damage, loaded[d.to]) {
				return // the destination cannot have this damage
			}
			b = begin(t, s, 2, "p", "q")
			faults(t, b, d.kinds)
			mend(t, b, nil)
			faults(t, b, nil)
			b.end()
			sameRows(t, before, dump(t, s))
		}})
	}
	return append(checks, lossChecks...)
}

// lossChecks are about lost data: what is left of it remains.
var lossChecks = []check{
	{"auditing/lost row", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p", "q")
		loaded := loadAudited(b)
		before := dump(t, s)
		b.end()
		if !s.Inflict(t, DamageNoRow, loaded["kept"]) {
			return
		}
		b = begin(t, s, 2, "p", "q")
		faults(t, b, []load.FaultKind{load.FaultLostRow, load.FaultLostFile, load.FaultOrphanParts, load.FaultNotQueued, load.FaultStaleEntry})
		mend(t, b, nil)
		faults(t, b, nil)
		after := dump(t, s)
		got := after.of("kept")
		if got == nil || len(got.Turns) != 3 || len(got.Audio) != 1 || len(got.Metrics) != 3 || !got.Conversation.MissingSince.Valid ||
			got.Conversation.ContentHash != got.Hash() {
			t.Fatalf("after the row was lost: %+v", got)
		}
		if after.upserts("kept") != before.upserts("kept")+1 {
			t.Errorf("%d changes, want one more than %d", after.upserts("kept"), before.upserts("kept"))
		}
		b.rewrite = true
		b.load(Conversation("p", "kept", Noon.Add(time.Minute), Hidden(warehouse.Some(int64(3)))))
		derived := append([]string{"latency_p50_seconds", "latency_p95_seconds", "content_hash"}, LoaderSet...)
		if diff := Diff(before.of("kept"), dump(t, s).of("kept"), derived...); diff != "" {
			t.Errorf("once it is listed again: %s", diff)
		}
		b.load(loaded["sandbox"])
		dump(t, s).stored(t, loaded["sandbox"])
	}},
	{"auditing/lost and truncated files", func(t testing.TB, s Subject) {
		for i, damage := range []Damage{DamageNoTurns, DamageFile} {
			b := begin(t, s, 2*i+1, "p", "q")
			loaded := loadAudited(b)
			b.rewrite = true
			b.load(loaded["plain"])
			before := dump(t, s)
			b.end()
			if !s.Inflict(t, damage, loaded["plain"]) {
				return
			}
			b = begin(t, s, 2*i+2, "p", "q")
			faults(t, b, []load.FaultKind{map[Damage]load.FaultKind{DamageNoTurns: load.FaultLostFile, DamageFile: load.FaultDamagedFile}[damage]})
			mend(t, b, nil)
			faults(t, b, nil)
			b.rewrite = true
			b.load(loaded["plain"])
			b.end()
			after := dump(t, s)
			after.count(t, len(before.Conversations))
			after.stored(t, loaded["plain"])
		}
	}},
}

// faults checks which kinds of faults are found in project p: the first of
// kinds, and no others than kinds.
func faults(t testing.TB, b *session, kinds []load.FaultKind) {
	t.Helper()
	found := map[load.FaultKind]bool{}
	err := b.dest.Audit(t.Context(), "p", ever, never, func(f load.Fault) error {
		found[f.Kind] = true
		return nil
	})
	if err != nil {
		t.Fatalf("Audit: %v", err)
	}
	allowed := map[load.FaultKind]bool{}
	for _, k := range kinds {
		allowed[k] = true
	}
	named := len(kinds) == 0 || found[kinds[0]] || found[load.FaultLostFile]
	maps.DeleteFunc(found, func(k load.FaultKind, _ bool) bool { return allowed[k] })
	if !named || len(found) > 0 {
		t.Errorf("found %v, which is not expected; want %v", slices.Collect(maps.Keys(found)), kinds)
	}
}

// mend repairs project p.
func mend(t testing.TB, b *session, reseal []load.Key) {
	t.Helper()
	st := b.next(live("p"))
	_, err := b.writer.Mend(t.Context(), &load.Mending{
		ProjectID: "p",
		Ranges:    []load.Range{{From: ever, Until: never}},
		Reseal:    reseal,
		RunID:     st.RunID,
		At:        st.At,
	})
	if err != nil {
		t.Fatalf("Mend: %v", err)
	}
}

// sameRows checks that the conversations are the same, except for the columns
// that the loader sets.
func sameRows(t testing.TB, before, after *Dump) {
	t.Helper()
	after.count(t, len(before.Conversations))
	for key, want := range before.Conversations {
		if diff := Diff(want, after.Conversations[key], LoaderSet...); diff != "" {
			t.Errorf("conversation %q: %s", key[1], diff)
		}
	}
	if len(after.Open) != len(before.Open) {
		t.Errorf("the queue has %d entries, want %d", len(after.Open), len(before.Open))
	}
}
