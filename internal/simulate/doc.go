// Package simulate is a simulator of PolyAI's Conversations API (v3) with made-up
// data, for `convsync simulate`, the demo, tests and benchmarks.
//
// Its guarantees: the same options give the same conversations. Every name, number
// and address is recognisably made up; telephone numbers come from the ranges that
// regulators reserve for fiction. A million conversations need no memory, since
// each is generated from its index for each request, and recordings are computed
// while they are sent (the first request for one makes an index by id, about 40 bytes
// for each voice conversation). [Simulator.Truth] returns the rows of a correct
// warehouse at any moment, and [Simulator.Recording] the size and hash of a recording.
//
// The truth is derived from the generated content, never from the JSON. The package
// imports no other package of convsync, so that it does not share their
// misinterpretations of the API.
package simulate
