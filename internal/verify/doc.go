// Package verify proves a stretch of a destination against the source: it reads
// both again and compares ids, counts and hashes.
//
// It promises to find what is not stored, what the source no longer lists, what
// differs, and what was changed in the destination by hand, which its own hash
// gives away. It changes nothing; what it found is mended by a run (see
// [pipeline.Options]). Memory is bounded by what a stretch holds of ids.
package verify
