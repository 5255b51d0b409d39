package load

import (
	"fmt"

	"convsync/internal/warehouse"
)

// Place is the environment and the start with which a conversation is stored.
type Place struct {
	Environment string
	StartedAt   warehouse.Timestamp
}

// PlaceOf returns the place of a conversation.
func PlaceOf(c *warehouse.Conversation) Place { return Place{c.Environment, c.StartedAt} }

// OtherStart is an id that the source returned with a start other than the stored
// one, or with two starts. The later one is stored.
type OtherStart struct {
	ID               string
	Stored, Answered warehouse.Timestamp
}

// Earlier reports whether the returned start is the earlier one, which was not
// written.
func (o *OtherStart) Earlier() bool { return o.Answered < o.Stored }

// EarlierStartsError reports that the source returned conversations with an
// earlier start than the stored one. Either the start was corrected, or two
// records have the same id: only a request to the source can tell.
type EarlierStartsError struct{ Earlier []OtherStart }

func (e *EarlierStartsError) Error() string {
	return fmt.Sprintf("conversations stored with a later start than the source returned: %d", len(e.Earlier))
}

// Unjudged returns an [*EarlierStartsError] for the earlier starts that were not
// written and that Judged does not name; nil if there are none.
func (st *Window) Unjudged(others []OtherStart) error {
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
