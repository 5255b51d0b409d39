package load_test

import (
	"context"
	"fmt"

	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/warehouse"
)

// A run begins as the writer of its projects, stages the conversations of a window, and
// publishes them with the coverage.
func ExampleDestination() {
	ctx := context.Background()
	var destination load.Destination = memory.New()
	feed := load.Feed{ProjectID: "acme-team-4", Environment: "live"}
	writer, err := destination.Begin(ctx, load.Owner{RunID: "run-1"}, feed.ProjectID)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer writer.Close()
	conversation := &warehouse.Rows{Conversation: warehouse.Conversation{
		ProjectID: feed.ProjectID, Environment: feed.Environment, ConversationID: "CA1", StartedAt: 1000,
	}}
	_ = writer.Stage(ctx, &load.Batch{Window: 1, Feed: feed, Rows: []*warehouse.Rows{conversation}})
	counts, err := writer.Publish(ctx, &load.Window{
		ID:        1,
		Feed:      feed,
		Coverage:  []load.Range{{From: 0, Until: 60_000_000}},
		Watermark: 60_000_000,
	})
	states, _ := destination.State(ctx, []load.Feed{feed})
	fmt.Println(counts.Inserted, "inserted", err)
	fmt.Println("read up to", states[feed].Watermark.Time())
	// Output:
	// 1 inserted <nil>
	// read up to 1970-01-01 00:01:00 +0000 UTC
}

// Which version of a conversation wins is decided in two steps: the key of the stored
// version shows that nothing changed, or the rows have to be compared.
func ExampleBatch_Decide() {
	stored := load.StoredKey{
		Place:       load.Place{Environment: "live", StartedAt: 1000},
		ContentHash: "a1", Lifecycle: warehouse.LifecycleOpen,
	}
	read := func(environment, hash, lifecycle string) load.Action {
		var batch load.Batch
		return batch.Decide([]string{"live", "sandbox"}, &warehouse.Conversation{
			ConversationID: "CA1",
			Environment:    environment,
			StartedAt:      1000,
			ContentHash:    hash,
			Lifecycle:      lifecycle,
		}, stored).Action
	}
	fmt.Println("the same:", read("live", "a1", warehouse.LifecycleOpen))
	fmt.Println("it ended:", read("live", "a2", warehouse.LifecycleFinal))
	fmt.Println("listed by a later environment, too:", read("sandbox", "a2", warehouse.LifecycleFinal))
	// Output:
	// the same: unchanged
	// it ended: merge
	// listed by a later environment, too: skip
}
