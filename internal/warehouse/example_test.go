package warehouse_test

import (
	"fmt"

	"convsync/internal/warehouse"
)

// The content hash changes only with the content. Volatile columns do not count, and
// JSON is compared by value.
func ExampleRows_Hash() {
	stored := warehouse.Rows{Conversation: warehouse.Conversation{
		ConversationID: "CA1",
		State:          `{"price":1.50}`,
	}}
	hash := stored.Hash()

	again := stored
	again.Conversation.RunID = "another run"
	again.Conversation.State = `{"price":15e-1}`
	fmt.Println("read again, unchanged:", again.Hash() == hash)

	changed := stored
	changed.Turns = []warehouse.Turn{{ConversationID: "CA1", UserInput: "Hello"}}
	fmt.Println("one more turn, unchanged:", changed.Hash() == hash)
	// Output:
	// read again, unchanged: true
	// one more turn, unchanged: false
}

// Equal values have one canonical form. Characters that no destination can store are
// replaced and counted.
func ExampleCanonical() {
	fmt.Println(warehouse.Canonical(` { "b": 1.50, "a": "\u0041" } `))
	fmt.Println(warehouse.Canonical(`"x\u0000y"`))
	// Output:
	// {"a":"A","b":1.50} 0
	// "x�y" 1
}
