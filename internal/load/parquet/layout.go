package parquet

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"convsync/internal/warehouse"
)

// Names of files and folders, relative to the root of the lake, with slashes.
const (
	syncDir        = "_sync"
	formatFile     = "_sync/lake.json"
	lockFile       = "_sync/lock"
	locksDir       = "_sync/locks"
	writersDir     = "_sync/writers"
	ownerFile      = "_sync/owner.json" // of older versions
	commitLockFile = "_sync/commit"
	journalFile    = "_sync/journal.json"
	positionFile   = "_sync/position.json"
	runsFile       = "_sync/runs.jsonl"
	tmpDir         = "_sync/tmp"
	stateDir       = "_sync/state"
	changesDir     = "_sync/changes"
	manifestDir    = "_sync/manifests"
	inboxDir       = "_sync/inbox"
	eventsDir      = "_sync/events"
	recordingsDir  = "_sync/recordings"
	contentsDir    = "_sync/contents"
	idsDir         = "_sync/ids"
	contentsSuffix = ".json"
	partName       = "part-0.parquet"
)

// maxNameBytes is the maximum length of a file name on common file systems.
const maxNameBytes = 255

// readAsNull reports whether readers treat a value in a path as NULL.
func readAsNull(s string) bool {
	return s == "__HIVE_DEFAULT_PARTITION__" || strings.EqualFold(s, "null")
}

// day is a UTC day, counted from 1970-01-01.
type day int64

const dayMicros = 24 * 60 * 60 * 1_000_000

func dayOf(t warehouse.Timestamp) day {
	d := int64(t) / dayMicros
	if int64(t)%dayMicros < 0 {
		d--
	}
	return day(d)
}

func (d day) time() time.Time { return time.Unix(int64(d)*24*60*60, 0).UTC() }
func (d day) String() string  { return d.time().Format(time.DateOnly) }
func (d day) month() string   { return d.time().Format(monthFormat) }

func parseDay(s string) (day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a date", s)
	}
	return asDay(t), nil
}

// asDay returns the day of a midnight.
func asDay(midnight time.Time) day { return day(midnight.Unix() / (24 * 60 * 60)) }

// escape makes any text a part of a file name that Hive, Trino, DuckDB and
// pyarrow decode: all bytes but letters, digits and -._~ become %XX.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
		if plain && (i > 0 || !readAsNull(s)) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// projectDir returns the name of a project's folder.
func projectDir(projectID string) string { return partitionColumn + "=" + escape(projectID) }

// projectOf returns the project that a file belongs to.
func projectOf(name string) (string, bool) {
	name = "/" + name
	_, rest, ok := strings.Cut(name, "/"+partitionColumn+"=")
	if !ok {
		return "", false
	}
	escaped, _, _ := strings.Cut(rest, "/")
	project, err := url.PathUnescape(strings.TrimSuffix(escaped, contentsSuffix))
	return project, err == nil
}

// path returns the path of a name that is relative to the root.
func (l *Lake) path(name string) string { return filepath.Join(l.root, filepath.FromSlash(name)) }
