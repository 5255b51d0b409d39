// Package notify tells people when a sync that runs on a schedule needs them,
// and when it no longer does: by a webhook, by a command, and by a heartbeat
// whose absence tells what nobody is left to tell.
//
// It promises that
//
//   - an incident is told once and its end is told once, each with what, since
//     when, why and what to do; what comes of one event comes as one message;
//   - open incidents survive a restart, and what could not be delivered is tried
//     again with the next event. A crash right after a delivery is the one case
//     in which something is told twice;
//   - a run never waits for a delivery, and a delivery that hangs ends;
//   - the URLs, which are secrets, are in no log, error, message or file, and
//     travel in the clear to this machine only. Redirects are not followed.
//
// Messages carry the errors of the reports, which hold no phone number,
// transcript or key. The package must not know the schedule, a concrete
// destination, or the source's API.
package notify
