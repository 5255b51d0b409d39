// Package verify compares a time range of a destination with the source, and
// checks the stored data against itself.
//
// It finds conversations that are not stored, that the source no longer lists,
// that differ, and that were changed in the destination by hand (their content
// hash does not match), as well as contradictions in the stored data (see
// [load.Auditor]). A range that cannot be read on one side is a finding, and the
// rest is verified. The package changes nothing: a run repairs the findings (see
// [Repairs]). Memory is limited by the number of conversations in one window.
package verify
