package plural

import "testing"

func TestCount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n          int64
		noun, want string
	}{
		{0, "gap", "0 gaps"},
		{1, "gap", "1 gap"},
		{2, "more problem", "2 more problems"},
		{1200, "gap", "1200 gaps"},
		{-1, "second", "-1 seconds"},
	} {
		if got := Count(c.n, c.noun); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
