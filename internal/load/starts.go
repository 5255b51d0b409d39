package load

import (
	"fmt"

	"convsync/internal/warehouse"
)

// Place is where a conversation is stored: under which environment, and with
// which start.
type Place struct {
	Environment string
	StartedAt   warehouse.Timestamp
}

// PlaceOf is the place of a conversation.
func PlaceOf(c *warehouse.Conversation) Place { return Place{c.Environment, c.StartedAt} }

// OtherStart is an id that was answered with another start than the one that is
// stored, or that was answered as well. The later of the two is stored.
type OtherStart struct {
	ID               string
	Stored, Answered warehouse.Timestamp
}

// Earlier reports whether the answer is the earlier one, which was not written.
func (o *OtherStart) Earlier() bool { return o.Answered < o.Stored }

// EarlierStartsError says that conversations were answered with an earlier start
// than the one that is stored. Either the start moved, or two records have the
// same id: only the source knows.
type EarlierStartsError struct{ Earlier []OtherStart }

func (e *EarlierStartsError) Error() string {
	return fmt.Sprintf("%d conversations are stored with a later start than the source answered", len(e.Earlier))
}

// Unjudged is an [*EarlierStartsError] of the answers that were not written and
// that the stretch does not say to leave so; nil: there are none.
func (st *Stretch) Unjudged(others []OtherStart) error {
	var earlier []OtherStart
	for _, o := range others {
		if judged, ok := st.Judged[o.ID]; o.Earlier() && (!ok || judged < o.Stored) {
			earlier = append(earlier, o)
		}
	}
	if len(earlier) == 0 {
		return nil
	}
	return &EarlierStartsError{Earlier: earlier}
}
