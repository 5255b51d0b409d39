package notify

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"convsync/internal/load"
	"convsync/internal/plural"
)

const shownTime = "2 Jan 2006, 15:04 UTC" // times are kept in UTC

// advice is the text of "What to do", by kind.
var advice = map[string]string{
	kindDestination: "check that it is running, has free space and can be reached from this machine; `convsync check` tests each step. What was read is stored, and the next run continues from there.",
	kindRun:         "if the reason names no command, `convsync check` tests each step and says what is wrong. What was read is stored, and the next run continues from there.",
	kindProject:     "`convsync check` tests each step and says what is wrong. What was read is stored, and the next run reads the rest.",
	kindRejects:     "they are stored in the table rejects, and `convsync status` counts them. After an update of convsync, `convsync replay` loads those that it can now read.",
	kindIdle:        "check that `convsync serve` is running and that its machine's clock is correct; `convsync run` starts a run now.",
	kindStore:       "check that the folder `audio.store` is mounted and writable, and has free space. Conversations are loaded, and recordings wait in the backlog.",
	kindReport:      "if the reason names no command, `convsync check` tests the destination and the folder. The next scheduled time writes a report of its own period.",
	kindOld:         "`convsync status` shows the last runs and the watermark of each project; `convsync run` starts a run now.",
}

func destinationAway(err error, byRun bool, since time.Time) incident {
	return incident{
		Kind:  kindDestination,
		What:  "The destination cannot be used.",
		Why:   err.Error(),
		Since: since,
		ByRun: byRun,
	}
}

func runFailed(run Scheduled, err error, now time.Time) incident {
	return incident{
		Kind:     kindRun,
		Schedule: run.Schedule,
		Projects: run.Projects,
		What:     "The run of the schedule " + run.Schedule + " failed.",
		Why:      err.Error(),
		Since:    now,
	}
}

func projectFailed(feed load.Feed, why string, now time.Time) incident {
	return about(feed, incident{Kind: kindProject, What: named(feed) + " could not be read completely.", Why: why, Since: now})
}

func reportFailed(schedule string, err error, now time.Time) incident {
	return incident{
		Kind:     kindReport,
		Schedule: schedule,
		What:     "The report of the schedule " + schedule + " was not written.",
		Why:      err.Error(),
		Since:    now,
	}
}

func tooManyRejects(run Scheduled, n int64, now time.Time) incident {
	return incident{
		Kind:     kindRejects,
		Schedule: run.Schedule,
		Projects: run.Projects,
		What:     "The run of the schedule " + run.Schedule + " rejected conversations that it could not read.",
		Why:      fmt.Sprintf("%d of them are new, more than sync.max_rejects allows", n),
		Since:    now,
	}
}

func dataOld(feed load.Feed, covered time.Time, why string, since time.Time) incident {
	what := named(feed) + " has old data: it is covered up to " + covered.UTC().Format(shownTime) + "."
	if covered.IsZero() {
		what = named(feed) + " has no data yet: no part of it was read completely."
	}
	return about(feed, incident{Kind: kindOld, What: what, Why: why, Since: since})
}

func noRun(since, now time.Time) incident {
	return incident{
		Kind: kindIdle, What: "No run has started for " + length(now.Sub(since)) + ", twice the scheduled interval.", Since: since,
		Why: "two scheduled times have passed without a run: the process may hang, or its machine's clock was changed",
	}
}

func storeUnavailable(err error, since time.Time) incident {
	return incident{Kind: kindStore, What: "Recordings cannot be stored.", Why: err.Error(), Since: since}
}

// recovery is the text for the end of an incident.
func recovery(i *incident) string {
	switch i.Kind {
	case kindDestination:
		return "The destination can be used again."
	case kindProject:
		return named(i.subject().Feed) + " is read completely again."
	case kindRejects:
		return "The last run of the schedule " + i.Schedule + " rejected no new conversations."
	case kindIdle:
		return "Runs are starting again."
	case kindStore:
		return "Recordings can be stored again."
	case kindReport:
		return "The schedule " + i.Schedule + " writes its report again."
	case kindOld:
		return named(i.subject().Feed) + " is up to date again."
	}
	return "Runs of the schedule " + i.Schedule + " finish again."
}

func about(feed load.Feed, i incident) incident {
	i.ProjectID, i.Environment = feed.ProjectID, feed.Environment
	return i
}

func named(feed load.Feed) string {
	return fmt.Sprintf("Project %s (%s)", feed.ProjectID, feed.Environment)
}

// longestWhy is the maximum length of a reason, in characters.
const longestWhy = 600

// tidy turns an error into one line of limited length.
func tidy(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		switch { // a colon introduces the next line
		case strings.HasSuffix(b.String(), ":"):
			b.WriteByte(' ')
		case b.Len() > 0:
			b.WriteString("; ")
		}
		b.WriteString(line)
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(b.String(), "?"))
	if runes := []rune(text); len(runes) > longestWhy {
		text = string(runes[:longestWhy]) + " …"
	}
	return text
}

// length formats a duration.
func length(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "less than a minute"
	case d < 2*time.Hour:
		return plural.Count(int64(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return plural.Count(int64(d/time.Hour), "hour")
	}
	return plural.Count(int64(d/(24*time.Hour)), "day")
}
