package pipeline

import (
	"fmt"
	"strings"
	"testing"

	"convsync/internal/load"
	"convsync/internal/polyai"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

func TestAddRejectMemory(t *testing.T) {
	t.Parallel()
	st := &window{unchanged: newUnchanged(), feed: load.Feed{ProjectID: "p"}, options: &transform.Options{}, rejects: map[string]warehouse.Reject{}}
	large := strings.Repeat("x", maxPayloadBytes/4)
	for i := range 6 {
		for range 2 { // the second time it is known
			st.addReject(polyai.Value(fmt.Sprintf(`{"note":"%d%s"}`, i, large)), warehouse.Reject{Reason: "no_id"})
		}
	}
	held, without := 0, 0
	for _, r := range st.rejects {
		held += len(r.Payload)
		if r.Payload == "" {
			without++
		}
		if (r.Payload == "") != strings.HasSuffix(r.Reason, " are too many to be kept") {
			t.Errorf("a reject of %d bytes says %q", len(r.Payload), r.Reason)
		}
	}
	if len(st.rejects) != 6 || st.rejected != 12 || without != 3 || held > maxPayloadBytes {
		t.Errorf("%d rejects of %d hold %d bytes, %d none", len(st.rejects), st.rejected, held, without)
	}
}
