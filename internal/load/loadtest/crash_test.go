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

// fileReference is a reference that is stored in a file: each commit writes a
// complete temporary file, and renames it.
type fileReference struct {
	folder string
	fault  fault
}

// fileState is the content of the file.
type fileState struct {
	Data     Dump
	Sequence int64
	Unended  []unendedRun
}

func newFileReference(t testing.TB, f fault) fileReference { return fileReference{t.TempDir(), f} }

func (k fileReference) Locator() string { return k.folder + "#" + string(k.fault) }

func (k fileReference) Open(t testing.TB, step func(string)) load.Destination {
	d, err := openFileReference(k.Locator(), step)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (k fileReference) Impatient(t testing.TB) load.Destination { return k.Open(t, nil) }

func (k fileReference) Dump(t testing.TB) *Dump {
	r, err := k.read()
	if err != nil {
		t.Fatal(err)
	}
	return r.Dump(t)
}

// Inflict does nothing: the crash suite needs no damage.
func (k fileReference) Inflict(testing.TB, Damage, *warehouse.Rows) bool { return false }

func (k fileReference) Leftovers(t testing.TB) []string {
	names, err := filepath.Glob(filepath.Join(k.folder, "*.tmp"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func openFileReference(locator string, step func(string)) (load.Destination, error) {
	folder, broken, _ := strings.Cut(locator, "#")
	k := fileReference{folder, fault(broken)}
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

func (k fileReference) read() (*reference, error) {
	r := newReference(k.fault)
	file, err := os.Open(filepath.Join(k.folder, "data"))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	state := fileState{Data: Dump{Conversations: map[id]*warehouse.Rows{}}}
	err = errors.Join(gob.NewDecoder(file).Decode(&state), file.Close())
	r.data, r.sequence, r.unended = state.Data, state.Sequence, state.Unended
	return r, err
}

// write panics on errors, since the reference cannot return them.
func (k fileReference) write(r *reference, step func(string)) {
	name := filepath.Join(k.folder, "data.tmp")
	if k.fault == keepsTemporary {
		name = filepath.Join(k.folder, fmt.Sprintf("%d.tmp", os.Getpid()))
	}
	step("write")
	file, err := os.Create(name)
	if err == nil {
		err = errors.Join(gob.NewEncoder(file).Encode(fileState{r.data, r.sequence, r.unended}), file.Close())
	}
	step("rename")
	if err = errors.Join(err, os.Rename(name, filepath.Join(k.folder, "data"))); err != nil {
		panic(err)
	}
}

func TestCrash_Reference(t *testing.T) {
	Crash(t, func(t testing.TB) Subject { return newFileReference(t, none) })
}

func TestCrash_Faults(t *testing.T) {
	t.Parallel()
	for _, broken := range []fault{coverageFirst, tornParts, changesLate, missingLate, latenessLate, keepsTemporary} {
		t.Run(string(broken), func(t *testing.T) {
			t.Parallel()
			s := newFileReference(t, broken)
			crashBase(t, s)
			steps, killed := spawn(t, s, 0)
			if killed {
				t.Fatal("a writer that should not be killed was killed")
			}
			for n := range steps {
				kill := check{run: func(t testing.TB, s Subject) { killAndResume(t, s, n+1) }}
				if len(record(t, kill, newFileReference(t, broken))) > 0 {
					return
				}
			}
			t.Errorf("a destination that %s passes, killed before each of %d steps", broken, len(steps))
		})
	}
}
