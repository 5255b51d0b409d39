// Package notify reports incidents of a scheduled sync and their end, and sends the
// figures of scheduled reports: by webhook or by command. A heartbeat, whose absence
// an external monitor reports, covers a process that is down.
//
// It guarantees that
//
//   - the start and the end of an incident are reported once each, with what, since
//     when, why and what to do; all notices of one event are one message;
//   - each scheduled report is sent once, without data of single conversations;
//   - open incidents and pending reports survive a restart, and failed deliveries
//     are retried with the next event. Only a crash right after a delivery causes a
//     duplicate;
//   - a run never waits for a delivery, and each delivery has a timeout;
//   - the URLs, which are secrets, appear in no log, error, message or file, and
//     plain http is used for this machine only. Redirects are not followed.
//
// Messages contain the errors of reports, which contain no phone number,
// transcript or key. The package must not know the schedule, a concrete
// destination, or the source's API.
package notify
