// Package polyai is a client of PolyAI's Conversations API: regions and hosts, requests,
// decoding, types and errors. It also reads recordings from the build host.
//
// Guarantees:
//
//   - A page is read as a stream, one conversation at a time, so memory is limited by
//     the size of one conversation.
//   - Each field is read in every form in which the API is known to return it. Unknown
//     fields and values are stored as they are, and counted as drift.
//   - A conversation that cannot be read does not affect the others of its page.
//   - A recording is a stream, too. Its end is returned only after a complete body.
//   - A key is sent to no other host, and appears in no log and no error.
//
// The package is independent of tables. It does not retry: [IsTemporary] reports
// whether a retry may succeed.
package polyai
