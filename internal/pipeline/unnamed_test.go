package pipeline

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"convsync/internal/extract"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// edited returns the responses of a source with a text replaced.
func edited(source http.Handler, what *regexp.Regexp, with string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		source.ServeHTTP(answer, r)
		body := what.ReplaceAllString(answer.Body.String(), with)
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(answer.Code)
		_, _ = w.Write([]byte(body))
	})
}

// A stored conversation that is listed without its id is not missing, whether it
// ended or is open.
func TestMissingUnnamed(t *testing.T) {
	t.Parallel()
	for name, instead := range map[string]string{
		"NoID": `"id":null$2"started_at":$3`, "NotJSON": `"id":NaN$2"started_at":$3`, "NoStart": `"id":null$2"started_at":null`,
		"OtherName": `"conversation_id":"$1"$2"started_at":$3`,
	} {
		for lifecycle, depth := range map[string]time.Duration{warehouse.LifecycleFinal: 20 * 24 * time.Hour, warehouse.LifecycleOpen: time.Hour} {
			t.Run(name+lifecycle, func(t *testing.T) {
				t.Parallel()
				d, now := newFake(), end.Add(3*time.Hour)
				source := simulated(t, at(now), simulate.Deviations{})
				if _, err := Run(t.Context(), options(t, source, d, at(now))); err != nil {
					t.Fatal(err)
				}
				var ids []string
				for truth := range source.Truth("acme-team-4", "live", now) {
					if at := truth.Conversation["started_at"].(time.Time); at.Before(end.Add(-72*time.Hour)) && len(ids) < 3 {
						ids = append(ids, truth.ID)
						d.change(func(c *warehouse.Conversation) { c.Lifecycle = lifecycle }, truth.ID)
					}
				}
				later := now.Add(25 * time.Hour)
				listed := regexp.MustCompile(`"id":"(` + strings.Join(ids, "|") + `)"(.*?)"started_at":("[^"]*")`)
				o := options(t, edited(source, listed, instead), d, at(later))
				o.Lookback, o.OpenAgeLimit, o.DeleteMissing = []extract.Tier{{Depth: depth}}, 48*time.Hour, true
				report, err := Run(t.Context(), o)
				if err != nil || report.Conversations.Rejected != 3 || len(d.missing()) > 0 {
					t.Errorf("%v, %d rejected, missing: %v of %v", err, report.Conversations.Rejected, d.missing(), ids)
				}
			})
		}
	}
}
