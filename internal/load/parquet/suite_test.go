package parquet_test

import (
	"hash/crc32"
	"os"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
)

func TestMain(m *testing.M) {
	os.Exit(loadtest.Main(m, func(locator string, step func(string)) (load.Destination, error) {
		return parquet.Open(parquet.Options{Path: locator, LockWait: lockTimeout, Step: step})
	}))
}

func TestLakeContract(t *testing.T) {
	t.Parallel()
	loadtest.Run(t, func(t testing.TB) loadtest.Subject {
		s := newLake(t)
		s.daily = crc32.ChecksumIEEE([]byte(t.Name()))%2 == 0 // each test has one of the two layouts
		return s
	})
}

func TestRun_AfterKill(t *testing.T) {
	loadtest.Crash(t, func(t testing.TB) loadtest.Subject { return newLake(t) })
}

func TestRecordings_AfterKill(t *testing.T) {
	loadtest.CrashRecordings(t, func(t testing.TB) loadtest.Subject { return newLake(t) })
}

// OpenFailing implements [loadtest.Failing].
func (s *lake) OpenFailing(t testing.TB, fail func(op, path string) error) load.Destination {
	t.Helper()
	l := s.Open(t, nil).(*parquet.Lake)
	parquet.Failing(l, fail)
	return l
}

func TestRun_AfterError(t *testing.T) {
	loadtest.Errors(t, func(t testing.TB) loadtest.Failing { return newLake(t) })
}
