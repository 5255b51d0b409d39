// Package serve is the HTTP server of a scheduled sync. It provides health
// checks, metrics and a status page.
//
// It guarantees that
//
//   - a slow or unavailable destination never delays a response: page and metrics
//     use a snapshot that is read in the background, and show its age;
//   - unauthenticated requests get health checks only: on an address that other
//     machines can reach, the server requires a token or a password, and does not
//     start without one;
//   - no page contains phone numbers, transcripts or payloads of rejects, except
//     /transcript, which exists only if requests need a login.
//
// The package must not know a concrete destination, the schedule's rules, or
// the source's API.
package serve
