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
	"convsync/internal/load/memory"
	"convsync/internal/warehouse"
)

// onDisk is the memory destination stored in a file: each commit writes a complete
// temporary file, and renames it.
type onDisk struct {
	folder string
	fault  fault
}

func newOnDisk(t testing.TB, f fault) onDisk { return onDisk{t.TempDir(), f} }

func (k onDisk) Locator() string { return k.folder + "#" + string(k.fault) }

func (k onDisk) Open(t testing.TB, step func(string)) load.Destination {
	d, err := openOnDisk(k.Locator(), step)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (k onDisk) Impatient(t testing.TB) load.Destination { return k.Open(t, nil) }

func (k onDisk) Dump(t testing.TB) *Dump {
	d, err := k.read()
	if err != nil {
		t.Fatal(err)
	}
	return dumpOf(d)
}

// Inflict does nothing: the crash suite needs no damage.
func (k onDisk) Inflict(testing.TB, Damage, *warehouse.Rows) bool { return false }

func (k onDisk) Leftovers(t testing.TB) []string {
	names, err := filepath.Glob(filepath.Join(k.folder, "*.tmp"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func openOnDisk(locator string, step func(string)) (load.Destination, error) {
	folder, name, _ := strings.Cut(locator, "#")
	k := onDisk{folder, fault(name)}
	data, err := k.read()
	if err != nil {
		return nil, err
	}
	if step == nil {
		step = func(string) {}
	}
	d := memory.From(data)
	return newBroken(d, k.fault, func() { k.write(d.Snapshot(), step) }), nil
}

func (k onDisk) read() (*memory.Data, error) {
	data := &memory.Data{Conversations: memory.Conversations{}}
	file, err := os.Open(filepath.Join(k.folder, "data"))
	if errors.Is(err, fs.ErrNotExist) {
		return data, nil
	}
	if err != nil {
		return nil, err
	}
	return data, errors.Join(gob.NewDecoder(file).Decode(data), file.Close())
}

// write panics on errors, since the memory destination cannot return them.
func (k onDisk) write(data *memory.Data, step func(string)) {
	name := filepath.Join(k.folder, "data.tmp")
	if k.fault == keepsTemporary {
		name = filepath.Join(k.folder, fmt.Sprintf("%d.tmp", os.Getpid()))
	}
	step("write")
	file, err := os.Create(name)
	if err == nil {
		err = errors.Join(gob.NewEncoder(file).Encode(data), file.Close())
	}
	step("rename")
	if err = errors.Join(err, os.Rename(name, filepath.Join(k.folder, "data"))); err != nil {
		panic(err)
	}
}

func TestCrash_Memory(t *testing.T) {
	Crash(t, func(t testing.TB) Subject { return newOnDisk(t, none) })
}

func TestCrash_Faults(t *testing.T) {
	t.Parallel()
	for _, broken := range []fault{coverageFirst, tornParts, changesLate, missingLate, latenessLate, keepsTemporary} {
		t.Run(string(broken), func(t *testing.T) {
			t.Parallel()
			s := newOnDisk(t, broken)
			crashBase(t, s)
			steps, killed := spawn(t, s, 0)
			if killed {
				t.Fatal("a writer that should not be killed was killed")
			}
			for n := range steps {
				kill := check{run: func(t testing.TB, s Subject) { killAndResume(t, s, n+1) }}
				if len(record(t, kill, newOnDisk(t, broken))) > 0 {
					return
				}
			}
			t.Errorf("a destination that %s passes, killed before each of %d steps", broken, len(steps))
		})
	}
}
