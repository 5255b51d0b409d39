package parquet

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// takeover identifies a writer that began. Each one is unique.
type takeover struct {
	Epoch  int64  `json:"epoch"`  // counts the writers of the lake
	Writer string `json:"writer"` // random: without a working lock two writers may have the same epoch
}

// record is the content of the file of a writer. It exists from when the writer
// begins until it has finished its run, or until a writer of one of its projects
// has recorded that it was killed.
type record struct {
	takeover
	Projects []string   `json:"projects"` // sorted; none: the whole lake
	Owner    load.Owner `json:"owner"`
}

// name returns the name of the file of a record.
func (r *record) name() string { return writersDir + "/" + r.Writer + ".json" }

// has reports whether the writer may write a project. Of the whole lake it may
// write every one.
func (r *record) has(project string) bool {
	return len(r.Projects) == 0 || slices.Contains(r.Projects, project)
}

// records lists the writers that have not finished, in the order in which they
// began. A record that cannot be read is left out: the locks decide.
func (l *Lake) records() (all []record, err error) {
	entries, err := l.files.ReadDir(l.path(writersDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, failed("cannot read "+l.path(writersDir), err)
	}
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), ".json")
		text, err := l.readFile(l.path(writersDir + "/" + e.Name()))
		var r record
		if ok && err == nil && json.Unmarshal(text, &r) == nil && r.Writer == id {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b record) int { return cmp.Compare(a.Epoch, b.Epoch) })
	return all, nil
}

// ownerOf returns the writer of a project that began last and did not finish;
// false if there is none. It is only informational: the locks decide.
func (l *Lake) ownerOf(project string) (load.Owner, bool) {
	records, _ := l.records()
	for _, r := range slices.Backward(records) {
		if r.has(project) {
			return r.Owner, true
		}
	}
	return load.Owner{}, false
}

// lastOwner returns the writer that began last and did not finish; zero if
// there is none.
func (l *Lake) lastOwner() load.Owner {
	records, _ := l.records()
	if len(records) == 0 {
		return l.oldOwner()
	}
	return records[len(records)-1].Owner
}

// owner returns the writer of the whole lake that did not finish; zero if there
// is none.
func (l *Lake) owner() load.Owner {
	records, _ := l.records()
	for _, r := range slices.Backward(records) {
		if len(r.Projects) == 0 {
			return r.Owner
		}
	}
	return l.oldOwner()
}

// oldOwner returns the writer of an older version that did not finish; zero if
// there is none.
func (l *Lake) oldOwner() (owner load.Owner) {
	text, err := l.readFile(l.path(ownerFile))
	if err != nil || json.Unmarshal(text, &owner) != nil {
		return load.Owner{}
	}
	return owner
}

// claim adds to the commit that this writer begins: its record instead of those
// of killed writers of its projects. A killed run is recorded once, whichever of
// its projects is taken over first, because its record goes with it. If such a
// writer is only paused, it cannot commit without its record.
func (w *writer) claim(c *commit, next *state) error {
	records, err := w.lake.records()
	if err != nil {
		return err
	}
	var rows []warehouse.SyncRun
	add := func(owner load.Owner, epoch int64) {
		if owner.RunID != "" {
			row := load.KilledRun(&owner)
			row.Epoch = warehouse.Some(epoch)
			rows = append(rows, row)
		}
	}
	for i := range records {
		r := &records[i]
		if len(w.record.Projects) > 0 && len(r.Projects) > 0 && !slices.ContainsFunc(w.record.Projects, r.has) {
			continue
		}
		add(r.Owner, r.Epoch)
		c.remove(r.name())
	}
	if w.lake.has(ownerFile) {
		add(w.lake.oldOwner(), next.position.Epoch)
		c.remove(ownerFile)
	}
	if len(rows) > 0 {
		if err := c.extendRuns(rows...); err != nil {
			return err
		}
	}
	w.record.takeover = takeover{Epoch: next.position.Epoch + 1, Writer: rand.Text()}
	next.position.takeover, next.position.Begun = w.record.takeover, w.record.Epoch
	return c.putJSON(w.record.name(), &w.record)
}

// fence fails with [*load.TakenOverError] if the writer no longer owns its
// projects: a lock file that it holds was removed or replaced, or another writer
// of one of them has begun, which is possible if flock is not enforced. Of the lock
// files of projects only those in of are checked; nil: all.
func (w *writer) fence(of map[string]bool) error {
	if w.locks == nil {
		return errors.New("the writer is closed")
	}
	for _, k := range w.locks {
		if of != nil && k.name != lockFile && !of[k.name] {
			continue
		}
		if why := w.lake.inPlace(k.name, k.file); why != "" {
			return w.takenOver(why)
		}
	}
	if !w.began || w.finished {
		return nil
	}
	var now position
	if err := w.lake.own().readJSON(positionFile, &now); err != nil {
		return err
	}
	switch _, err := w.lake.files.Stat(w.lake.path(w.record.name())); {
	case errors.Is(err, fs.ErrNotExist):
		return w.takenOver("another writer began while this one held the lock")
	case err != nil:
		return failed("cannot check the record of the writer", err)
	case now.Begun != now.Epoch:
		return w.takenOver("an older version of convsync began while this one held the lock")
	}
	return nil
}

func (w *writer) takenOver(why string) error {
	e := &load.TakenOverError{Where: "the lake " + w.lake.root, Why: why}
	records, _ := w.lake.records()
	for _, r := range slices.Backward(records) {
		if r.Writer != w.record.Writer && (len(w.record.Projects) == 0 || slices.ContainsFunc(w.record.Projects, r.has)) {
			e.Owner = r.Owner
			break
		}
	}
	return e
}

// explain returns the cause of a failure. A writer that was taken over fails in
// many ways, because its temporary files are removed.
func (w *writer) explain(err error) error {
	if err == nil || w.broken != nil && errors.Is(err, w.broken) { // that is explained already
		return err
	}
	return cmp.Or(w.fence(nil), err)
}
