// Package export writes the compliance export of recordings into a folder, and
// verifies such a folder offline.
//
// An export consists of a list (CSV, JSON lines or Parquet), copies of recordings,
// coverage.json, manifest.json with the size and SHA-256 of each of these, and
// SHA256SUMS, which `sha256sum -c` checks. manifest.json may be signed in minisign
// format. It names the manifest of the previous export, so that exports in one
// parent folder form a chain.
//
// Guarantees: a file under its final name is complete. The list never contains the
// path of a file whose bytes are not those that the destination recorded. Coverage
// is read before the list, so it never claims more than the list has. An export that
// was killed is continued by the same options, and nothing else may be in its
// folder. Memory does not depend on the number of rows; each copied recording takes
// about 200 bytes.
//
// The package does not know the configuration, the API, or concrete loaders.
package export
