package warehouse

import "testing"

// The hash is stored in lakes.
func TestHashID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]uint64{"": 0xcbf29ce484222325, "CA1": 0xb7f6219aa4141e8} {
		if got := HashID(id); got != want {
			t.Errorf("%q: %#x, want %#x", id, got, want)
		}
	}
}
