package house

import (
	"slices"
	"strings"
)

const module = "convsync/"

// mayImport lists, for each package, the packages of convsync that it may import.
// Imports point inward: from the command to the stages, from the stages to the
// tables and the API. Tests may import more.
var mayImport = map[string][]string{
	"internal/warehouse":     {},
	"internal/polyai":        {"internal/loopback"},
	"internal/simulate":      {}, // it replaces the real API, and must not share our interpretation of it
	"internal/config":        {"internal/loopback", "internal/polyai", "internal/schedule", "internal/spelling"},
	"internal/transform":     {"internal/warehouse", "internal/polyai"},
	"internal/extract":       {"internal/panics", "internal/polyai", "internal/ratelimit"},
	"internal/ratelimit":     {},
	"internal/load":          {"internal/warehouse"},
	"internal/load/loadtest": {"internal/load", "internal/warehouse"},
	"internal/load/memory":   {"internal/load", "internal/warehouse"},
	"internal/load/parquet":  {"internal/load", "internal/load/parquet/rowfile", "internal/warehouse"},
	"internal/load/postgres": {"internal/answer", "internal/load", "internal/panics", "internal/warehouse", "migrations"},
	"internal/load/pgtest":   {},
	"internal/query":         {"internal/answer", "internal/warehouse"},
	"internal/pipeline":      {"internal/extract", "internal/transform", "internal/load", "internal/panics", "internal/polyai", "internal/ratelimit", "internal/warehouse"},
	"internal/verify":        {"internal/extract", "internal/transform", "internal/load", "internal/pipeline", "internal/polyai", "internal/warehouse"},
	"internal/schedule":      {"internal/atomicfile"}, // it knows times, not tasks
	"internal/serve":         {"internal/load", "internal/loopback", "internal/panics", "internal/pipeline", "internal/plural", "internal/warehouse", "docs"},
	"internal/webhook":       {"internal/load", "internal/warehouse"},
	"internal/notify":        {"internal/atomicfile", "internal/load", "internal/loopback", "internal/pipeline", "internal/plural", "internal/warehouse"},
	"internal/export":        {"internal/load", "internal/load/parquet/rowfile", "internal/warehouse"},
	"internal/answer":        {"internal/spelling"}, // it knows SQL, not the tables
	"internal/coverage":      {},                    // it knows days, not destinations
	"internal/report":        {"internal/answer", "internal/coverage", "internal/panics", "internal/plural", "internal/warehouse"},
	"internal/transcript":    {"internal/answer", "internal/escape"},    // it knows SQL, not destinations
	"internal/search":        {"internal/answer", "internal/warehouse"}, // it knows SQL, not destinations
	"internal/escape":        {},
	"internal/atomicfile":    {},
	"internal/loopback":      {},
	"internal/panics":        {},
	"internal/plural":        {},
	"internal/spelling":      {},
	"internal/wav":           {},
	"internal/derived":       {"internal/warehouse"}, // only its tests write
	"internal/house":         {},
	"internal/bench":         {}, // only its tests measure
	"internal/leaktest":      {},
	"migrations":             {},
	"schemas":                {},
	"docs":                   {},
	"deploy":                 {},    // only its tests use the program and the deployment files
	"cmd/sync":               {"*"}, // the only place that wires stages to concrete loaders

	"internal/load/parquet/rowfile": {"internal/warehouse"}, // it knows files, not lakes

	"internal/recordings":       {"internal/extract", "internal/load", "internal/panics", "internal/polyai", "internal/ratelimit", "internal/recordings/store", "internal/wav", "internal/warehouse"},
	"internal/recordings/store": {"internal/wav"}, // it knows files, not destinations

	"internal/answer/parquet": {"internal/answer"}, // it knows values, not tables

	"internal/questions": {"internal/answer", "internal/coverage"}, // it knows questions, not destinations

	"internal/serve/browsertest": {}, // only its tests drive a browser
}

// importedByTests lists packages that no other package may import, so that the program
// does not contain them. Tests may.
var importedByTests = []string{"internal/house", "internal/leaktest", "internal/load/loadtest", "internal/load/memory", "internal/load/pgtest"}

// belongsTo lists, for each library, the only packages that may import it.
var belongsTo = map[string][]string{
	"github.com/jackc/pgx/":           {"internal/load/postgres", "internal/load/pgtest", "migrations"},
	"github.com/pressly/goose/":       {"internal/load/postgres", "migrations"},
	"github.com/apache/arrow-go/":     {"internal/load/parquet/rowfile", "internal/answer/parquet"},
	"github.com/duckdb/duckdb-go/":    {"internal/query"},
	"github.com/spf13/cobra":          {"cmd/sync"},
	"github.com/goccy/go-yaml":        {"internal/config"},
	"github.com/robfig/cron/":         {"internal/schedule"},
	"github.com/nyaruka/phonenumbers": {"internal/transform"},
	"github.com/prometheus/":          {"internal/serve"},
	"aead.dev/minisign":               {"internal/export"},
	"github.com/klauspost/compress/":  {"internal/polyai", "internal/load/parquet/rowfile"},
	"github.com/jedisct1/go-minisign": {}, // only tests
	"github.com/chromedp/":            {}, // only tests
	"golang.org/x/image/":             {}, // only tests
	"github.com/mattn/go-runewidth":   {"internal/answer", "internal/transcript"},
	"github.com/peterh/liner":         {"cmd/sync"},
	"testing":                         {"internal/leaktest", "internal/load/loadtest", "internal/load/pgtest"},
}

// usedIn lists, for names of the standard library, the packages that may use them.
var usedIn = map[string][]string{
	// Requests to the source use one client, which protects the key. Those of notify
	// go to the receivers of notifications, and protect their URLs. serve requests its
	// own health endpoint.
	"net/http.Client":                {"internal/polyai", "internal/notify", "internal/serve"},
	"net/http.Transport":             {"internal/polyai", "internal/serve"},
	"net/http.DefaultClient":         {},
	"net/http.DefaultTransport":      {"internal/polyai"},
	"net/http.Get":                   {},
	"net/http.Head":                  {},
	"net/http.Post":                  {},
	"net/http.PostForm":              {},
	"net/http.NewRequest":            {},
	"net/http.NewRequestWithContext": {"internal/polyai", "internal/notify", "internal/serve"},
	// The environment is read only in main.
	"os.Getenv":    {},
	"os.Environ":   {"internal/config", "internal/load/pgtest"}, // config: for configured commands
	"os.ExpandEnv": {},
	"os.LookupEnv": {"cmd/sync"},
}

// usedInFile lists, for names of the standard library, the only file of a package
// that may use them. Tests may use them anywhere.
var usedInFile = map[string]map[string]string{
	"internal/load/parquet": {
		// Tests inject errors into the files of a lake.
		"os.Create":             "access.go",
		"os.Link":               "access.go",
		"os.Lstat":              "access.go",
		"os.Mkdir":              "access.go",
		"os.MkdirAll":           "access.go",
		"os.Open":               "access.go",
		"os.OpenFile":           "access.go",
		"os.ReadDir":            "access.go",
		"os.ReadFile":           "access.go",
		"os.Remove":             "access.go",
		"os.RemoveAll":          "access.go",
		"os.Rename":             "access.go",
		"os.Stat":               "access.go",
		"os.WriteFile":          "access.go",
		"path/filepath.WalkDir": "access.go",
	},
	"internal/recordings/store": { // the same
		"os.Create":             "disk.go",
		"os.Link":               "disk.go",
		"os.Lstat":              "disk.go",
		"os.Mkdir":              "disk.go",
		"os.MkdirAll":           "disk.go",
		"os.Open":               "disk.go",
		"os.OpenFile":           "disk.go",
		"os.ReadDir":            "disk.go",
		"os.ReadFile":           "disk.go",
		"os.Remove":             "disk.go",
		"os.RemoveAll":          "disk.go",
		"os.Rename":             "disk.go",
		"os.Stat":               "disk.go",
		"os.WriteFile":          "disk.go",
		"path/filepath.WalkDir": "disk.go",
	},
}

// usedNowhere lists calls that are not allowed in any file, including tests.
var usedNowhere = map[string]string{
	"time.Sleep": "wait for the event itself: a channel, a timer in a select with ctx.Done(), testing/synctest",
	"t.Skip":     "a test must provide what it needs", "t.Skipf": "the same", "t.SkipNow": "the same",
	"b.Skip": "the same", "b.Skipf": "the same", "b.SkipNow": "the same",
	"f.Skip": "the same", "f.Skipf": "the same", "f.SkipNow": "the same",
	"tb.Skip": "the same", "tb.Skipf": "the same", "tb.SkipNow": "the same",
}

// allowed reports whether pkg may import path, and the reason if not.
func allowed(pkg, path string) (reason string, ok bool) {
	if inner, ours := strings.CutPrefix(path, module); ours {
		if slices.Contains(importedByTests, inner) {
			return "only tests may import it", false
		}
		may := mayImport[pkg]
		return "it may import " + orNothing(may), slices.Contains(may, inner) || slices.Contains(may, "*")
	}
	for library, homes := range belongsTo {
		if path == strings.TrimSuffix(library, "/") || strings.HasPrefix(path, library) {
			return "which belongs to " + orNothing(homes), slices.Contains(homes, pkg)
		}
	}
	return "", true
}

func orNothing(list []string) string {
	if len(list) == 0 {
		return "no package of convsync"
	}
	return strings.Join(list, ", ")
}
