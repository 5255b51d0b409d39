package extract

import (
	"testing"
	"time"

	"convsync/internal/polyai"
)

func TestAskedFor(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		start, end time.Time
		want       string
	}{
		"a slice": {at.Add(-time.Second), at.Add(time.Minute + time.Second), "2026-03-02T10:00:00Z to 2026-03-02T10:01:00Z"},
		"a ping":  {at.Add(-time.Second), at, "2026-03-02T09:59:59Z to 2026-03-02T10:00:00Z"},
	} {
		if got := askedFor(&polyai.ListQuery{Start: c.start, End: c.end}).String(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
