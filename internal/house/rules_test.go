package house

import (
	"slices"
	"strings"
)

const module = "convsync/"

// mayImport is, for each package, which of ours it may import. Imports point
// inward: from the command to the stages, from the stages to the tables and the
// API. Tests may import more.
var mayImport = map[string][]string{
	"internal/warehouse":     {},
	"internal/polyai":        {"internal/loopback"},
	"internal/simulate":      {}, // it stands for the real API, and must not share our view of it
	"internal/config":        {"internal/loopback", "internal/polyai", "internal/schedule"},
	"internal/transform":     {"internal/warehouse", "internal/polyai"},
	"internal/extract":       {"internal/polyai"},
	"internal/load":          {"internal/warehouse"},
	"internal/load/loadtest": {"internal/load", "internal/warehouse"},
	"internal/load/parquet":  {"internal/load", "internal/warehouse"},
	"internal/load/postgres": {"internal/load", "internal/warehouse", "migrations"},
	"internal/load/pgtest":   {},
	"internal/query":         {"internal/warehouse"},
	"internal/pipeline":      {"internal/extract", "internal/transform", "internal/load", "internal/polyai", "internal/warehouse"},
	"internal/verify":        {"internal/extract", "internal/transform", "internal/load", "internal/pipeline", "internal/polyai", "internal/warehouse"},
	"internal/schedule":      {"internal/atomicfile"}, // it knows when, and not what
	"internal/serve":         {"internal/load", "internal/loopback", "internal/pipeline", "internal/warehouse", "docs"},
	"internal/webhook":       {"internal/load", "internal/warehouse"},
	"internal/notify":        {"internal/atomicfile", "internal/load", "internal/loopback", "internal/pipeline", "internal/warehouse"},
	"internal/atomicfile":    {},
	"internal/loopback":      {},
	"internal/house":         {},
	"internal/leaktest":      {},
	"migrations":             {},
	"schemas":                {},
	"docs":                   {},
	"deploy":                 {},    // its tests alone take the program and what stands around it
	"cmd/sync":               {"*"}, // the only place that wires stages to concrete loaders

	"internal/serve/browsertest": {}, // its tests alone drive a browser
}

// livesIn is, for each library, the packages outside of which it is unknown.
var livesIn = map[string][]string{
	"github.com/jackc/pgx/":           {"internal/load/postgres", "internal/load/pgtest", "migrations"},
	"github.com/pressly/goose/":       {"internal/load/postgres", "migrations"},
	"github.com/apache/arrow-go/":     {"internal/load/parquet"},
	"github.com/duckdb/duckdb-go/":    {"internal/query"},
	"github.com/spf13/cobra":          {"cmd/sync"},
	"github.com/goccy/go-yaml":        {"internal/config"},
	"github.com/robfig/cron/":         {"internal/schedule"},
	"github.com/nyaruka/phonenumbers": {"internal/transform"},
	"github.com/prometheus/":          {"internal/serve"},
	"github.com/chromedp/":            {}, // tests alone
	"testing":                         {"internal/leaktest", "internal/load/loadtest", "internal/load/pgtest"},
}

// usedIn is, for names of the standard library, the packages that may use them.
var usedIn = map[string][]string{
	// Requests to the source leave through one client, which guards the key;
	// notify's go to those who are told, and guard their URLs; serve asks itself
	// whether it is alive.
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
	// The environment is read in one place, and reaches it from main.
	"os.Getenv":    {},
	"os.Environ":   {"internal/config", "internal/load/pgtest"}, // config: for the commands that it names
	"os.ExpandEnv": {},
	"os.LookupEnv": {"cmd/sync"},
}

// usedNowhere are calls that no file may make, tests included.
var usedNowhere = map[string]string{
	"time.Sleep": "wait for what you wait for: a channel, a timer beside ctx.Done(), testing/synctest",
	"t.Skip":     "what a test needs, the test must get", "t.Skipf": "the same", "t.SkipNow": "the same",
	"b.Skip": "the same", "b.Skipf": "the same", "b.SkipNow": "the same",
	"f.Skip": "the same", "f.Skipf": "the same", "f.SkipNow": "the same",
	"tb.Skip": "the same", "tb.Skipf": "the same", "tb.SkipNow": "the same",
}

// allowed tells whether pkg may import path, and if not, why.
func allowed(pkg, path string) (reason string, ok bool) {
	if inner, ours := strings.CutPrefix(path, module); ours {
		may := mayImport[pkg]
		return "it may import " + orNothing(may), slices.Contains(may, inner) || slices.Contains(may, "*")
	}
	for library, homes := range livesIn {
		if path == strings.TrimSuffix(library, "/") || strings.HasPrefix(path, library) {
			return "that lives in " + orNothing(homes) + " alone", slices.Contains(homes, pkg)
		}
	}
	return "", true
}

func orNothing(list []string) string {
	if len(list) == 0 {
		return "nothing of ours"
	}
	return strings.Join(list, ", ")
}
