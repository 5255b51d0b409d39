// Package webhook receives the events that PolyAI sends: it checks their
// signatures, stores them, and starts a sync of the conversations that they
// concern.
//
// It guarantees that
//
//   - an event gets a 2xx response only if it is stored durably. An event with
//     another response is not stored, and the sender retries for hours if the
//     status says that a retry can help;
//   - an event is stored once, however often it is sent;
//   - each event about a call of a configured project leads to a narrow sync of
//     that project that starts after the event was stored, also if the process was
//     killed in between; one sync can serve many events;
//   - logs contain nothing of a body but its type, and responses and errors nothing.
//
// The package must not know a concrete destination, how a sync is done, or who
// serves its handler.
package webhook
