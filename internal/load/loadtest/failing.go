package loadtest

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"convsync/internal/load"
)

// Failing is a subject whose storage a test can make fail.
type Failing interface {
	Subject
	// OpenFailing opens the destination. fail is called before each operation that
	// changes or syncs a file; its error, if any, is that of the operation.
	OpenFailing(t testing.TB, fail func(op, path string) error) load.Destination
}

// failures fails operations from the nth on: one with EIO, or all with ENOSPC.
type failures struct {
	nth  int // 0: none
	full bool

	mu     sync.Mutex
	done   []string // operations with the kind of their path
	failed []string // paths
}

// unnamed matches what differs between files of one kind: random names and numbers.
var unnamed = regexp.MustCompile(`[A-Z2-7]{26}|\d+`)

// sample returns the numbers of operations to fail: one of each kind, in turn the
// first, the middle and the last.
func (f *failures) sample() (numbers []int) {
	kinds := map[string][]int{}
	for i, kind := range f.done {
		kinds[kind] = append(kinds[kind], i+1)
	}
	for i, kind := range slices.Sorted(maps.Keys(kinds)) {
		same := kinds[kind]
		numbers = append(numbers, same[(len(same)-1)*(i%3)/2])
	}
	return numbers
}

func (f *failures) fail(op, path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done = append(f.done, op+" "+unnamed.ReplaceAllString(path, ""))
	n := len(f.done)
	switch {
	case f.nth == 0 || n < f.nth:
		return nil
	case f.full && op != "sync":
		f.failed = append(f.failed, path)
		return syscall.ENOSPC
	case !f.full && n == f.nth:
		f.failed = append(f.failed, path)
		return syscall.EIO
	}
	return nil
}

// Errors makes writes, syncs, renames and links of a writer fail, from its Begin
// to its Finish: a sample of the kinds of file. It checks that the error is
// returned and names the file, and the same as [Crash] does after a kill.
func Errors(t *testing.T, fresh func(testing.TB) Failing) {
	t.Parallel()
	s, none := fresh(t), &failures{}
	crashBase(t, s)
	if err := workFailing(t, s, none); err != nil {
		t.Fatal(err)
	}
	crashedAndResumed(t, s)
	for i, n := range none.sample() {
		if i%4 != 0 || Raced && i%(4*racedKills) != 0 {
			continue
		}
		f := &failures{nth: n, full: i%3 == 0}
		t.Run(fmt.Sprintf("%d, full: %v", n, f.full), func(t *testing.T) {
			t.Parallel()
			failAndResume(t, fresh(t), f)
		})
	}
}

func failAndResume(t testing.TB, s Failing, f *failures) {
	base := crashBase(t, s)
	err := workFailing(t, s, f)
	switch {
	case len(f.failed) == 0:
		t.Logf("no operation failed: the writer made %d", len(f.done))
	case err == nil:
		t.Errorf("the failed operation on %s is not reported", f.failed[0])
	case !strings.Contains(err.Error(), f.failed[0]):
		t.Errorf("the error does not name %s: %v", f.failed[0], err)
	case !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.ENOSPC):
		t.Errorf("the error has another cause: %v", err)
	}
	crashed(t, begin(t, s, 3, "p"), base)
	crashedAndResumed(t, s)
}

// workFailing does the work of the crash test.
func workFailing(t testing.TB, s Failing, f *failures) error {
	dest := s.OpenFailing(t, f.fail)
	return errors.Join(crashWork(t.Context(), dest, 2), dest.Close())
}
