package parquet

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Events are stored without the writer's lock: each in a file of its own under
// _sync/inbox, named after the event's id. The writer moves settled events into
// the log at the end of its run; see fold.go. The first line of a file is the
// event, the second line its update of an alert, if any.

var _ load.Inbox = (*Lake)(nil)

// inboxFile is a file of the inbox.
type inboxFile struct {
	name  string // of the file
	event warehouse.WebhookEvent
	alert *warehouse.ActiveAlert // nil: no update of an alert
}

const letterSuffix = ".jsonl"

// inboxName returns the name of the inbox file of an event.
func inboxName(eventID string) string {
	sum := sha256.Sum256([]byte(eventID))
	return inboxDir + "/" + hex.EncodeToString(sum[:]) + letterSuffix
}

// TakeIn implements [load.Inbox].
func (l *Lake) TakeIn(_ context.Context, event *warehouse.WebhookEvent, alert *warehouse.ActiveAlert) (fresh bool, err error) {
	fresh, err = l.takeIn(&inboxFile{inboxName(event.EventID), *event, alert})
	return fresh, failed("cannot store an event in the lake "+l.root, err)
}

func (l *Lake) takeIn(in *inboxFile) (fresh bool, err error) {
	if known, err := l.logged.knows(l, in.event.EventID); known || err != nil {
		return false, err
	}
	if err := l.writeInboxFile(in, l.files.Link); errors.Is(err, fs.ErrExist) {
		// The file may exist without being durable yet. The sender does not repeat a
		// delivery that was reported as stored, so sync it first.
		return false, l.files.Sync(l.path(inboxDir))
	} else if err != nil {
		return false, err
	}
	// An inbox file stays for one more run after its event is in the log. An event
	// that was not in the log, and has no inbox file, is new.
	return true, nil
}

// writeInboxFile writes and syncs a file, and moves it into place with put.
func (l *Lake) writeInboxFile(in *inboxFile, put func(from, to string) error) error {
	text, err := appendLine(nil, &warehouse.WebhookEvents, &in.event)
	if err == nil && in.alert != nil {
		text, err = appendLine(text, &warehouse.ActiveAlerts, in.alert)
	}
	if err != nil {
		return err
	}
	l.step("inbox file")
	// Not under _sync/tmp, which each run clears when it begins.
	name := fmt.Sprintf("%s-%s-%d", l.path(in.name), l.token, l.serial.Add(1))
	f, err := l.createInboxFile(name)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		l.step("store event")
		err = put(name, l.path(in.name))
	}
	if gone := l.files.Remove(name); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	if err != nil {
		return err
	}
	return l.files.Sync(l.path(inboxDir))
}

// createInboxFile creates a file, and the inbox if it does not exist.
func (l *Lake) createInboxFile(name string) (file, error) {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	f, err := l.files.OpenFile(name, flags)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if err := errors.Join(l.mkdirAll(l.path(inboxDir)), l.files.Sync(l.path(syncDir))); err != nil {
		return nil, err
	}
	return l.files.OpenFile(name, flags)
}

// inboxFiles reads the inbox, in order of receipt. A file that a run removes
// meanwhile is in the log.
func (l *Lake) inboxFiles() (all []inboxFile, err error) {
	entries, err := l.files.ReadDir(l.path(inboxDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), letterSuffix) {
			continue // incomplete
		}
		in, err := l.readInboxFile(inboxDir + "/" + e.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, *in)
	}
	slices.SortFunc(all, func(a, b inboxFile) int {
		return cmp.Or(cmp.Compare(a.event.ReceivedAt, b.event.ReceivedAt), strings.Compare(a.event.EventID, b.event.EventID))
	})
	return all, nil
}

func (l *Lake) readInboxFile(name string) (*inboxFile, error) {
	text, err := l.readFile(l.path(name))
	if err != nil {
		return nil, err
	}
	first, second, _ := bytes.Cut(text, []byte("\n"))
	in := &inboxFile{name: name}
	if in.event, err = parseLine(&warehouse.WebhookEvents, first); err == nil && len(second) > 0 {
		in.alert = &warehouse.ActiveAlert{}
		*in.alert, err = parseLine(&warehouse.ActiveAlerts, bytes.TrimSpace(second))
	}
	if err != nil {
		return nil, damaged(l.path(name), err)
	}
	return in, nil
}

// Waiting implements [load.Inbox].
func (l *Lake) Waiting(_ context.Context, limit int) (events []warehouse.WebhookEvent, err error) {
	all, err := l.inboxFiles()
	if err != nil {
		return nil, failed("cannot read the events of the lake "+l.root, err)
	}
	for i := range all {
		if all[i].event.State == warehouse.EventWaiting && len(events) < limit {
			events = append(events, all[i].event)
		}
	}
	return events, nil
}

// Recent implements [load.Inbox].
func (l *Lake) Recent(_ context.Context, since warehouse.Timestamp) ([]warehouse.WebhookEvent, error) {
	events, err := l.recent(since)
	return events, failed("cannot read the recent events of the lake "+l.root, err)
}

// recent reads the inbox first: an event that a run moves to the log meanwhile
// is then read twice, and not missed.
func (l *Lake) recent(since warehouse.Timestamp) ([]warehouse.WebhookEvent, error) {
	all, err := l.inboxFiles()
	if err != nil {
		return nil, err
	}
	byID := map[string]warehouse.WebhookEvent{}
	keep := func(e *warehouse.WebhookEvent) {
		if e.ReceivedAt >= since {
			byID[e.EventID] = *e
		}
	}
	for i := range all {
		keep(&all[i].event)
	}
	days, err := l.eventsFiles()
	if err != nil {
		return nil, err
	}
	for _, day := range days {
		if day < dayOf(since).String() {
			continue
		}
		if _, err := l.readEvents(day, 0, keep); err != nil {
			return nil, err
		}
	}
	return slices.Collect(maps.Values(byID)), nil
}

// Settle implements [load.Inbox]. No writer changes events that wait.
func (l *Lake) Settle(_ context.Context, ids []string, settled load.Settled) error {
	var broken error
	for _, id := range ids {
		in, err := l.readInboxFile(inboxName(id))
		if errors.Is(err, fs.ErrNotExist) {
			continue // settled long ago, or unknown
		}
		if err == nil && settled.Apply(&in.event) {
			err = l.writeInboxFile(in, l.files.Rename)
		}
		broken = errors.Join(broken, err)
	}
	return failed("cannot mark events as handled in the lake "+l.root, broken)
}

// Alerts implements [load.Inbox].
func (l *Lake) Alerts(context.Context) ([]warehouse.ActiveAlert, error) {
	// The inbox first: an update that a run removes from it meanwhile is then
	// merged twice, which changes nothing, and not missed.
	alerts, err := l.alerts()
	return alerts, failed("cannot read the alerts of the lake "+l.root, err)
}

func (l *Lake) alerts() ([]warehouse.ActiveAlert, error) {
	all, err := l.inboxFiles()
	if err != nil {
		return nil, err
	}
	v, err := l.view()
	if err != nil {
		return nil, err
	}
	defer v.close() //nolint:errcheck // it is only read
	stored, err := readLines(v, &warehouse.ActiveAlerts)
	if err != nil {
		return nil, err
	}
	return mergeAlerts(stored, all), nil
}

// mergeAlerts merges the updates of inbox files into alerts, which are ordered
// by id.
func mergeAlerts(stored []warehouse.ActiveAlert, inboxFiles []inboxFile) []warehouse.ActiveAlert {
	merged := slices.Clone(stored)
	for i := range inboxFiles {
		alert := inboxFiles[i].alert
		if alert == nil {
			continue
		}
		at, there := slices.BinarySearchFunc(merged, alert.AlertID, func(a warehouse.ActiveAlert, id string) int { return strings.Compare(a.AlertID, id) })
		if there {
			merged[at] = load.MergeAlert(merged[at], *alert)
		} else {
			merged = slices.Insert(merged, at, *alert)
		}
	}
	return merged
}
