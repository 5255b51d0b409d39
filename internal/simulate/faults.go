package simulate

import (
	"net/http"
	"time"
)

// Faults are those of the service and of the network; all are off unless set.
type Faults struct{}

type faultState struct{}

func (f *Faults) validate() error { return nil }

func (s *Simulator) interfere(w http.ResponseWriter, r *http.Request, count int64, now time.Time, id string) (http.ResponseWriter, bool) {
	return w, false
}
