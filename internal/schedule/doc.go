// Package schedule is the cron scheduler of `convsync serve`.
//
// It guarantees for each entry:
//
//   - A scheduled time, which is a local date and time in the zone of the entry,
//     runs once. A time that is skipped in spring runs at the first moment after
//     the gap (once, however many times were skipped). A time that occurs twice in
//     autumn runs only the first time if its hours are listed (0 2 * * *), and both
//     times if it runs throughout the day (*/5 * * * *, 0 */2 * * *, @hourly): the
//     offset of the zone is then part of the scheduled time.
//   - After downtime, only the last missed scheduled time is caught up. No scheduled
//     time runs twice, also across restarts, as far as the [Store] is durable.
//   - Setting the clock never blocks runs. If it is set back, a recorded time in the
//     future is dropped, and the times in between may run again; if it is set
//     forward, missed times are caught up as after downtime. Both are logged.
//   - Runs of one entry never overlap: a scheduled time that is due while the last
//     run is in progress is skipped and logged, unless the entry decides itself what
//     may overlap ([Entry].Overlaps). Entries do not wait for each other.
//   - A panic fails only its own run.
//
// robfig/cron parses the expressions, with additional checks: see [Parse]. The
// package must not know what it runs: it imports no other package of the project.
package schedule
