package transform_test

import (
	"fmt"

	"convsync/internal/polyai"
	"convsync/internal/transform"
)

// One conversation of a response becomes a row of conversations, with the rows of
// its parts. Fields that have no column are stored in extra, and reported as drift.
func ExampleRows() {
	value := polyai.Value(`{
		"id": "CA1", "started_at": "2026-06-03T13:19:19Z", "total_duration": 73.5, "in_progress": false,
		"channel": "VOICE-SIP", "from_number": "020 7946 0123", "num_turns": 1, "mood": "calm",
		"turns": [{"user_input": "A table for two.", "latency": 0.8, "entities": [{"guests": 2}]}],
		"metrics": {"BOOKED": "true"}
	}`)
	rows, drift, err := transform.Rows(value, &transform.Options{
		AccountID:   "acme-uk",
		ProjectID:   "acme-team-4",
		Environment: "live",
		APIVersion:  "v3",
		PhoneRegion: "GB",
	}, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	c := &rows.Conversation
	fmt.Println(c.ConversationID, c.ChannelFamily, c.CustomerNumber, c.Lifecycle, c.TranscriptStatus)
	fmt.Println("ended", c.FinishedAt.V.Time())
	fmt.Println("extra", c.Extra)
	fmt.Println("turn", rows.Turns[0].TurnIndex, rows.Turns[0].UserInput)
	fmt.Println("entity", rows.Entities[0].Name, rows.Entities[0].Value)
	fmt.Println("metric", rows.Metrics[0].Name, rows.Metrics[0].ValueBoolean.V)
	for _, d := range drift {
		fmt.Println("drift", d.Kind, d.Path, d.Type)
	}
	// Output:
	// CA1 voice +442079460123 final complete
	// ended 2026-06-03 13:20:32.5 +0000 UTC
	// extra {"mood":"calm"}
	// turn 0 A table for two.
	// entity guests 2
	// metric BOOKED true
	// drift unknown_field mood string
}

// A conversation that cannot be read is rejected with a reason.
func ExampleRows_reject() {
	_, _, err := transform.Rows(polyai.Value(`{"id": "CA1", "started_at": "yesterday"}`), &transform.Options{}, 0)
	fmt.Println(err)
	// Output: conversation rejected: no_start
}
