// Package schedule runs things by the clock: it is the schedule of
// `convsync serve`.
//
// It promises, for each entry:
//
//   - A slot, which is a date and time on the clock of the entry's zone, runs
//     once. A time that the clock skips in spring runs at the first moment after
//     the gap (once, however many slots were skipped). A time that comes twice in
//     autumn runs the first time only where its hour was chosen (0 2 * * *), and
//     both times where it runs throughout the day (*/5 * * * *, 0 */2 * * *,
//     @hourly): there a slot is a time and the zone's offset.
//   - After downtime the last slot that was missed is caught up, and only that
//     one. No slot runs twice, over restarts too, as far as the [Store] keeps
//     what it is told.
//   - A clock that is set holds no run back. Where it was set back, a slot noted
//     in the future is dropped, and those in between may run a second time;
//     where it was set forward, what it skipped is caught up as after downtime.
//     Both are logged.
//   - Runs of one entry never overlap: a slot that comes due while the last run
//     still goes is skipped, and the log says so. Entries do not wait for each
//     other.
//   - A run that panics has failed, and nothing else has.
//
// Expressions are read by robfig/cron, behind a guard: see [Parse]. What the
// package must not know is what it runs: it imports nothing of ours.
package schedule
