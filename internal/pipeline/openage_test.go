package pipeline

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"convsync/internal/extract"
	"convsync/internal/warehouse"
)

// A conversation in progress that started before the age limit is abandoned,
// whichever kind of run loads it.
func TestOpenAgeLimit(t *testing.T) {
	t.Parallel()
	inProgress := func(id string, age time.Duration) string {
		return fmt.Sprintf(`{"id":%q,"started_at":%q,"in_progress":true}`, id, end.Add(-age).Format(time.RFC3339))
	}
	both := []string{inProgress("old", 49*time.Hour), inProgress("young", 47*time.Hour)}
	source := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", end.UTC().Format(http.TimeFormat))
		fmt.Fprintf(w, `{"conversations":[%s]}`, strings.Join(both, ","))
	})
	var rejects []warehouse.Reject
	for i, payload := range both {
		rejects = append(rejects, warehouse.Reject{RejectID: fmt.Sprint(i), Payload: warehouse.Text(payload)})
	}
	for name, c := range map[string]struct {
		rejects []warehouse.Reject
		run     func(o Options) (*Report, error)
	}{
		"Run": {nil, func(o Options) (*Report, error) { return Run(t.Context(), o) }},
		"Backfill": {nil, func(o Options) (*Report, error) {
			o.Backfill = extract.Span{From: extract.SecondOf(end.Add(-72 * time.Hour)), Until: extract.SecondOf(end)}
			return Run(t.Context(), o)
		}},
		"Replay": {rejects, func(o Options) (*Report, error) { return Replay(t.Context(), o) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newFake()
			d.reject(c.rejects...)
			o := options(t, source, d, at(end))
			o.OpenAgeLimit = 48 * time.Hour
			_, err := c.run(o)
			want := map[string]string{"old": warehouse.LifecycleAbandoned, "young": warehouse.LifecycleOpen}
			if err != nil || !maps.Equal(d.conversations(), want) {
				t.Errorf("%v, stored %v, want %v", err, d.conversations(), want)
			}
		})
	}
}
