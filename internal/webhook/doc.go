// Package webhook takes in the events that PolyAI sends: it checks who sent
// them, stores them, and has what they are about read at once.
//
// It promises that
//
//   - an event is answered 2xx only when it is stored durably, and what is
//     answered otherwise is stored nowhere: the sender tries again, for hours,
//     wherever that may help;
//   - an event is stored once, however often it is sent;
//   - each event on a call of a known project is followed by a narrow sync of
//     that project, which begins after the event was stored, also when the
//     process died in between; many events are followed by few syncs;
//   - nothing of a body but its type is in a log, and nothing in an answer or an error.
//
// The package must not know a concrete destination, how a sync is done, or who
// serves its handler.
package webhook
