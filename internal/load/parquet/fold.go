package parquet

import (
	"io"
	"slices"
	"strings"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// folding holds the events of the inbox, by what fold does with them.
type folding struct {
	fresh   []warehouse.WebhookEvent // settled, and not in the log yet
	waiting []warehouse.WebhookEvent
	logged  []string // names of inbox files whose events are in the log
}

// fold adds the content of the inbox to a commit: settled events to the log,
// updates of alerts to their table, and copies of both as Parquet. Events that
// wait stay in the inbox, and are in the copy.
func (w *writer) fold(c *commit, run *warehouse.SyncRun) error {
	inboxFiles, err := w.lake.inboxFiles()
	if err != nil {
		return err
	}
	ages, expires := load.AgesAt(run)
	since, until := noDayBefore, noDayBehind
	if expires {
		since, until = dayOf(ages.Cutoff(load.KeepEvents)).String(), dayOf(ages.Latest()).String()
	}
	f, err := w.sort(inboxFiles, since)
	if err != nil {
		return err
	}
	days, err := w.lake.eventsFiles()
	if err != nil {
		return err
	}
	var kept, gone []string
	for _, day := range days {
		if day < since || day > until {
			gone = append(gone, day)
		} else {
			kept = append(kept, day)
		}
		if day > until {
			if err := w.redate(day, ages.Latest(), &f); err != nil {
				return err
			}
		}
	}
	if err := w.foldAlerts(c, inboxFiles, ages, expires); err != nil {
		return err
	}
	news := append(slices.Clone(f.fresh), f.waiting...)
	if len(news) > 0 || len(kept) < len(days) || !w.lake.has(copyPath(warehouse.WebhookEvents.Name)) {
		if err := w.copyEvents(c, kept, news); err != nil {
			return err
		}
	}
	if err := extendLog(c, f.fresh); err != nil {
		return err
	}
	for _, day := range gone {
		c.remove(eventsDir + "/" + day)
	}
	for _, name := range f.logged {
		c.remove(name)
	}
	w.lake.clearInbox()
	return nil
}

// Names that sort before and after all days.
const noDayBefore, noDayBehind = "", "~"

// redate moves the events of a day in the future, which would never expire, to
// the new events of the log, as received at a given time.
func (w *writer) redate(day string, at warehouse.Timestamp, f *folding) error {
	_, err := w.lake.readEvents(day, 0, func(e *warehouse.WebhookEvent) {
		e.ReceivedAt = at
		f.fresh = append(f.fresh, *e)
	})
	return err
}

// sort classifies inbox files. A settled event of a day that is no longer kept
// is not added to the log.
func (w *writer) sort(inboxFiles []inboxFile, since string) (f folding, err error) {
	for i := range inboxFiles {
		e := &inboxFiles[i].event
		if e.State == warehouse.EventWaiting {
			f.waiting = append(f.waiting, *e)
			continue
		}
		known, err := w.lake.logged.knows(w.lake, e.EventID)
		if err != nil {
			return f, err
		}
		if known || dayOf(e.ReceivedAt).String() < since {
			f.logged = append(f.logged, inboxFiles[i].name)
		} else {
			f.fresh = append(f.fresh, *e)
		}
	}
	return f, nil
}

// extendLog adds events to the files of their days.
func extendLog(c *commit, events []warehouse.WebhookEvent) error {
	byDay := map[string][]warehouse.WebhookEvent{}
	var names []string
	for _, e := range events {
		name := eventsFile(&e)
		if byDay[name] == nil {
			names = append(names, name)
		}
		byDay[name] = append(byDay[name], e)
	}
	for _, name := range names {
		if err := c.extend(name, func(w io.Writer) error { return writeLines(w, &warehouse.WebhookEvents, byDay[name]) }); err != nil {
			return err
		}
	}
	return nil
}

// foldAlerts merges the updates of inbox files into the table of alerts, and
// drops alerts that are no longer kept.
func (w *writer) foldAlerts(c *commit, inboxFiles []inboxFile, ages load.Ages, expires bool) error {
	stored, err := readLines(w.lake.own(), &warehouse.ActiveAlerts)
	if err != nil {
		return err
	}
	merged := mergeAlerts(stored, inboxFiles)
	if expires {
		merged = slices.DeleteFunc(merged, func(a warehouse.ActiveAlert) bool {
			return a.UpdatedAt < ages.Cutoff(load.KeepAlerts) && (a.Status == warehouse.AlertResolved || a.UpdatedAt < ages.Cutoff(load.KeepRuns))
		})
		for i := range merged {
			merged[i].UpdatedAt = min(merged[i].UpdatedAt, ages.Latest())
		}
	}
	if slices.Equal(merged, stored) && w.lake.has(copyPath(warehouse.ActiveAlerts.Name)) {
		return nil
	}
	if err := copyTable(c, &warehouse.ActiveAlerts, each(merged)); err != nil {
		return err
	}
	return putTable(c, &warehouse.ActiveAlerts, merged)
}

// copyEvents copies the log and the new events.
func (w *writer) copyEvents(c *commit, days []string, fresh []warehouse.WebhookEvent) error {
	return copyTable(c, &warehouse.WebhookEvents, func(do func(*warehouse.WebhookEvent)) error {
		for _, day := range days {
			if _, err := w.lake.readEvents(day, 0, do); err != nil {
				return err
			}
		}
		return each(fresh)(do)
	})
}

// abandonedAfter is the age at which an incomplete inbox file counts as
// abandoned by its process.
const abandonedAfter = time.Hour

// clearInbox removes abandoned incomplete files.
func (l *Lake) clearInbox() {
	entries, err := l.files.ReadDir(l.path(inboxDir))
	if err != nil {
		return // there is none
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && !strings.HasSuffix(e.Name(), letterSuffix) && time.Since(info.ModTime()) > abandonedAfter {
			_ = l.files.Remove(l.path(inboxDir + "/" + e.Name())) // the next run tries again
		}
	}
}
