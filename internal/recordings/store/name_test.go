package store

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestURI(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	long := strings.Repeat("a", 300)
	for _, c := range []struct{ project, id, want string }{
		{"acme-uk", "CA0123456789abcdef", "acme-uk/2026/01/02/CA0123456789abcdef.combined.raw.wav"},
		{"acme-uk", "OUT-01234567-89ab", "acme-uk/2026/01/02/OUT-01234567-89ab.combined.raw.wav"},
		{"PROJECT-58RP822I", "0123-abc_d", "PROJECT-58RP822I/2026/01/02/0123-abc_d.combined.raw.wav"},
		{"Acme", "CAab", "Acme~37036cd8f9746d33/2026/01/02/CAab.combined.raw.wav"},
		{"a", "caab", "a/2026/01/02/caab~"},
		{"a", "CAaB", "a/2026/01/02/CAaB~"},
		{"..", "../../etc/passwd", "=2E=2E/2026/01/02/=2E=2E=2F=2E=2E=2Fetc=2Fpasswd.combined.raw.wav"},
		{".convsync", ".", "=2Econvsync/2026/01/02/=2E.combined.raw.wav"},
		{"a", "a\x00b\nc\\d:e", "a/2026/01/02/a=00b=0Ac=5Cd=3Ae.combined.raw.wav"},
		{"a", "é %2f", "a/2026/01/02/=C3=A9=20=252f.combined.raw.wav"},
		{"nul", "com1", "nul~"},
		{"a", "com1", "a/2026/01/02/com1~"},
		{"a", "Aux", "a/2026/01/02/Aux~"},
		{"a", "", "a/2026/01/02/~e3b0c44298fc1c14.combined.raw.wav"},
		{"a", long, "a/2026/01/02/" + long[:100] + "~"},
	} {
		name := Name{ConversationID: c.id, Direction: "combined", StartedAt: day}
		if got := URI(c.project, name); got != c.want && (!strings.HasSuffix(c.want, "~") || !strings.HasPrefix(got, c.want)) {
			t.Errorf("%q, %q: got %s, want %s", c.project, c.id, got, c.want)
		}
	}
}

// ids draws texts that differ little from others: in case, in a prefix, in what is
// escaped, or behind the length at which a name is cut.
func ids() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		prefix := rapid.SampledFrom([]string{"", "", "CA", "Ca", "ca", "OUT-", "out-", "PROJECT-", "project-", "com", "nul", strings.Repeat("x", 149)}).Draw(t, "prefix")
		return prefix + rapid.OneOf(
			rapid.StringOfN(rapid.RuneFrom([]rune("aAbB19-_.=~%/ \x00")), 0, 4, -1),
			rapid.StringN(0, 300, -1),
		).Draw(t, "rest")
	})
}

func TestURI_Property(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := ids().Draw(t, "a")
		b := rapid.OneOf(ids(), rapid.Just(strings.ToUpper(a)), rapid.Just(strings.ToLower(a)), rapid.Just(escape(a)), rapid.Just(safeName(a))).Draw(t, "b")
		checkNames(t, a, b)
	})
}

// device matches what Windows reserves, with any extension.
var device = regexp.MustCompile(`(?i)^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$`)

// safe matches names without special meaning on any file system.
var safe = regexp.MustCompile(`^[A-Za-z0-9_=~-]+$`)

func checkNames(t interface{ Errorf(string, ...any) }, a, b string) {
	one, two := safeName(a), safeName(b)
	if a != b && strings.EqualFold(one, two) {
		t.Errorf("%q and %q are %s and %s: they differ only in case", a, b, one, two)
	}
	file := one + ".combined.redacted.wav"
	if !safe.MatchString(one) || device.MatchString(file) || device.MatchString(one) || len(file) > 255 {
		t.Errorf("%q gives %s", a, file)
	}
	day := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	if parts := strings.Split(URI(a, Name{ConversationID: b, Direction: "user", StartedAt: day}), "/"); fmt.Sprint(parts[1:4]) != "[2026 01 02]" || len(parts) != 5 {
		t.Errorf("%q and %q give %q", a, b, parts)
	}
}

func FuzzName(f *testing.F) {
	f.Add("CA01", "ca01")
	f.Add("../a", "=2E=2E=2Fa")
	f.Add("", "\x00")
	f.Fuzz(func(t *testing.T, a, b string) { checkNames(t, a, b) })
}
