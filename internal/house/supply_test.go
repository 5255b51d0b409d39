package house

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestLicencesAreCurrent fails if `make licenses` was not run after a change of the
// dependencies.
func TestLicencesAreCurrent(t *testing.T) {
	t.Parallel()
	licences, direct := read(t, "THIRD_PARTY_LICENSES"), 0
	for line := range strings.Lines(read(t, "go.mod")) {
		module, version, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || !strings.HasPrefix(version, "v") || strings.Contains(line, "// indirect") || onlyInTests[module] {
			continue
		}
		direct++
		found := false
		for heading := range strings.Lines(licences) { // a heading contains a package of the module
			found = found || strings.HasPrefix(heading, module) && strings.HasSuffix(heading, " "+version+"\n")
		}
		if !found {
			t.Errorf("THIRD_PARTY_LICENSES lacks %s %s: run `make licenses`", module, version)
		}
	}
	if direct < 5 {
		t.Errorf("only %d direct dependencies found in go.mod: the test is broken", direct)
	}
}

// onlyInTests are direct dependencies that are not part of the program.
var onlyInTests = map[string]bool{
	"github.com/chromedp/chromedp":             true,
	"github.com/chromedp/cdproto":              true,
	"github.com/jedisct1/go-minisign":          true,
	"github.com/santhosh-tekuri/jsonschema/v6": true,
	"go.uber.org/goleak":                       true,
	"golang.org/x/image":                       true,
	"pgregory.net/rapid":                       true,
}

func TestSecretFilesAreIgnored(t *testing.T) {
	t.Parallel()
	for _, name := range []string{".env", ".env.production", "webhook-secret", "webhook-secret.old", "convsync.yaml"} {
		if out, err := exec.CommandContext(t.Context(), "git", "-C", "../..", "check-ignore", "--no-index", "-q", name).CombinedOutput(); err != nil {
			t.Errorf("git would add %s: %v %s", name, err, out)
		}
	}
	ignored := strings.Fields(read(t, ".dockerignore"))
	for _, name := range []string{".env", "webhook-secret", "convsync.yaml"} {
		found := false
		for _, pattern := range ignored {
			found = found || pattern == name
		}
		if !found {
			t.Errorf(".dockerignore lacks %s: it would be copied into the image", name)
		}
	}
}
