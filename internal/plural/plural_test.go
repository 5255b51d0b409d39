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

func TestSize(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 9_949: "9.9 kB", 9_960: "10 kB", 999_400: "999 kB", 999_600: "1.0 MB", 20_140_000_000: "20 GB",
		5_200_000_000_000: "5.2 TB", 1 << 62: "4612 PB",
	} {
		if got := Size(bytes); got != want {
			t.Errorf("%d bytes are %q, want %q", bytes, got, want)
		}
	}
}
