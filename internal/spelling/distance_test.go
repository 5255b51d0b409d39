package spelling_test

import (
	"strings"
	"testing"

	"convsync/internal/spelling"
)

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"turns", "turns", 0}, {"", "turn", 4}, {"turn", "turns", 1}, {"tunr", "turn", 1}, {"größe", "grösse", 2},
		{"conversation", "conversions", 3}, {strings.Repeat("a", 129), "a", 129}, {"a", strings.Repeat("a", 129), 129},
	} {
		if got := spelling.Distance(test.a, test.b); got != test.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
		if got := spelling.Distance(test.b, test.a); got != test.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", test.b, test.a, got, test.want)
		}
	}
}
