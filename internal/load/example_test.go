package load_test

import (
	"fmt"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

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
			ConversationID: "CA1", Environment: environment, StartedAt: 1000,
			ContentHash: hash, Lifecycle: lifecycle,
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
