// Package verify compares a time range of a destination with the source, and
// checks the stored data against itself.
//
// It guarantees to find what is not stored, what the source no longer lists,
// what differs, what was changed in the destination by hand, which its own hash
// gives away, and what contradicts itself (see [load.Auditor]). A part that one
// side cannot read is a finding, and the rest is verified. It changes nothing;
// what it found is mended by a run (see [Repairs]). Memory is bounded by what a
// window holds of ids.
package verify
