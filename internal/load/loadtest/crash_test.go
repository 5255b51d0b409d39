package loadtest

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// keptReference is a reference that is kept in a file: each commit writes the
// whole of it beside, and renames.
type keptReference struct {
	folder string
	fault  fault
}

// keptState is the file's content.
type keptState struct {
	Data     Dump
	Sequence int64
	Unended  *load.Owner
}

func newKeptReference(t testing.TB, f fault) keptReference { return keptReference{t.TempDir(), f} }

func (k keptReference) Locator() string { return k.folder + "#" + string(k.fault) }

func (k keptReference) Open(t testing.TB, step func(string)) load.Destination {
	d, err := openKeptReference(k.Locator(), step)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (k keptReference) Impatient(t testing.TB) load.Destination { return k.Open(t, nil) }

func (k keptReference) Dump(t testing.TB) *Dump {
	r, err := k.read()
	if err != nil {
		t.Fatal(err)
	}
	return r.Dump(t)
}

// Inflict does nothing: the crash suite needs no damage.
func (k keptReference) Inflict(testing.TB, Damage, *warehouse.Rows) bool { return false }

func (k keptReference) Leftovers(t testing.TB) []string {
	names, err := filepath.Glob(filepath.Join(k.folder, "*.tmp"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func openKeptReference(locator string, step func(string)) (load.Destination, error) {
	folder, broken, _ := strings.Cut(locator, "#")
	k := keptReference{folder, fault(broken)}
	r, err := k.read()
	if err != nil {
		return nil, err
	}
	if step == nil {
		step = func(string) {}
	}
	r.saved = func() { k.write(r, step) }
	return r, nil
}

func (k keptReference) read() (*reference, error) {
	r := newReference(k.fault)
	file, err := os.Open(filepath.Join(k.folder, "data"))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	state := keptState{Data: Dump{Conversations: map[id]*warehouse.Rows{}}}
	err = errors.Join(gob.NewDecoder(file).Decode(&state), file.Close())
	r.data, r.sequence, r.unended = state.Data, state.Sequence, state.Unended
	return r, err
}

// write panics where it fails: the reference has no errors to give.
func (k keptReference) write(r *reference, step func(string)) {
	name := filepath.Join(k.folder, "data.tmp")
	if k.fault == keepsTemporary {
		name = filepath.Join(k.folder, fmt.Sprintf("%d.tmp", os.Getpid()))
	}
	step("write")
	file, err := os.Create(name)
	if err == nil {
		err = errors.Join(gob.NewEncoder(file).Encode(keptState{r.data, r.sequence, r.unended}), file.Close())
	}
	step("rename")
	if err = errors.Join(err, os.Rename(name, filepath.Join(k.folder, "data"))); err != nil {
		panic(err)
	}
}

func TestCrash_Reference(t *testing.T) {
	Crash(t, func(t testing.TB) Subject { return newKeptReference(t, none) })
}

func TestCrash_Faults(t *testing.T) {
	t.Parallel()
	for _, broken := range []fault{coverageFirst, tornParts, changesLate, missingLate, latenessLate, keepsTemporary} {
		t.Run(string(broken), func(t *testing.T) {
			t.Parallel()
			s := newKeptReference(t, broken)
			crashBase(t, s)
			steps, killed := spawn(t, s, 0)
			if killed {
				t.Fatal("a writer that nobody kills was killed")
			}
			for n := range steps {
				kill := check{run: func(t testing.TB, s Subject) { killAndGoOn(t, s, n+1) }}
				if len(record(t, kill, newKeptReference(t, broken))) > 0 {
					return
				}
			}
			t.Errorf("a destination that %s passes, killed before each of %d steps", broken, len(steps))
		})
	}
}
