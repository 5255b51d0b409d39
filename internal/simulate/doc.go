// Package simulate is PolyAI's Conversations API (v3) made of invented data:
// for `convsync simulate`, for the demo, for tests and for benchmarks.
//
// It promises that the same options give the same conversations, that every
// name, number and address is recognisably made up (telephone numbers come from
// the ranges that regulators keep for fiction), that a million conversations
// cost no memory, since each is made anew from its index when it is asked for,
// and that [Simulator.Truth] says what a correct warehouse holds at a moment.
//
// That truth follows from what the generator meant, never from the JSON, and
// the package imports nothing of ours: it must not share our view of the API,
// or it would share our mistakes.
package simulate
