package parquet

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/load/parquet/rowfile"
	"convsync/internal/warehouse"
)

// partAudit checks the files of a partition against the manifest, each other and
// the open-conversation queue.
type partAudit struct {
	view     *view
	part     partition
	extra    bool      // its rows belong to other partitions, see [arranged]
	info     *partInfo // from the manifest; nil: the partition is not in it
	queue    map[string]warehouse.OpenConversation
	faults   []load.Fault
	readable map[string]bool                // tables whose file can be read
	starts   map[string]warehouse.Timestamp // of the conversations, by id
	counted  *partInfo
	strays   bool // whether there are rows of other partitions
}

func newPartAudit(v *view, p auditedPart) *partAudit {
	return &partAudit{
		view:     v,
		part:     p.partition,
		extra:    p.extra,
		queue:    map[string]warehouse.OpenConversation{},
		readable: map[string]bool{},
		starts:   map[string]warehouse.Timestamp{},
		counted:  newPartInfo(),
	}
}

func (a *partAudit) find(kind load.FaultKind, table string) *load.Fault {
	a.faults = append(a.faults, load.Fault{Kind: kind, Table: table, StartedAt: a.part.from()})
	return &a.faults[len(a.faults)-1]
}

func (a *partAudit) do(ctx context.Context) error {
	a.readInfo()
	queue, err := readLines(a.view, &warehouse.OpenConversations)
	if err != nil {
		return err
	}
	for _, o := range queue {
		if o.ProjectID == a.part.project && a.part.has(dayOf(o.StartedAt)) && !a.extra {
			a.queue[o.ConversationID] = o
		}
	}
	for _, table := range startTables {
		if err := a.file(table); err != nil {
			return err
		}
	}
	if err := a.conversations(ctx); err != nil {
		return err
	}
	for i, p := range warehouse.Parts {
		if err := a.parts(ctx, p, formats[i+1]); err != nil {
			return err
		}
	}
	a.compareCounts()
	for _, id := range slices.Sorted(maps.Keys(a.queue)) { // the rest belongs to no conversation
		f := a.find(load.FaultStaleEntry, warehouse.OpenConversations.Name)
		f.ID, f.StartedAt = id, a.queue[id].StartedAt
	}
	return nil
}

// readInfo reads the manifest's entry of the partition. A manifest that cannot be
// read has none.
func (a *partAudit) readInfo() {
	var m manifest
	if err := a.view.readJSON(a.part.manifest(), &m); err != nil {
		a.find(load.FaultManifest, conversations.Name()).Path = a.part.manifest()
	}
	a.info = m.part(a.part)
}

// current reports whether the manifest's entry is unchanged.
func (a *partAudit) current() bool {
	again := newPartAudit(a.view, auditedPart{a.part, a.extra})
	again.readInfo()
	if a.info == nil || again.info == nil {
		return a.info == nil && again.info == nil
	}
	return maps.Equal(a.info.files, again.info.files)
}

// file compares the file of a table with its entry in the manifest.
func (a *partAudit) file(table string) error {
	var want fileInfo
	listed := false
	if a.info != nil {
		want, listed = a.info.files[table]
	}
	name := a.part.file(table)
	f, err := a.view.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		if listed {
			a.find(load.FaultLostFile, table).Path = name
		}
		return nil
	}
	if err != nil {
		return failed("cannot read "+a.view.lake.path(name), err)
	}
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return failed("cannot read "+a.view.lake.path(name), err)
	}
	a.readable[table] = true
	switch {
	case !listed:
		a.find(load.FaultManifest, table).Path = name
	case size != want.Bytes || hex.EncodeToString(sum.Sum(nil)) != want.SHA256:
		a.find(load.FaultAlteredFile, table).Path = name
	}
	return nil
}

// unreadable records that a table's file cannot be read: it is damaged, not
// just different.
func (a *partAudit) unreadable(table string) {
	a.readable[table] = false
	a.faults = slices.DeleteFunc(a.faults, func(f load.Fault) bool { return f.Table == table && f.Kind == load.FaultAlteredFile })
	a.find(load.FaultDamagedFile, table).Path = a.part.file(table)
}

func (a *partAudit) conversations(ctx context.Context) error {
	table := conversations.Name()
	var order inOrder
	misplaced := false
	err := scanRows(ctx, a.view, conversations, a.part, func(row any) {
		c := row.(*warehouse.Conversation)
		order.next(c.ConversationID, c.StartedAt)
		misplaced = misplaced || !a.part.has(dayOf(c.StartedAt))
		id := strings.Clone(c.ConversationID)
		if _, twice := a.starts[id]; twice {
			f := a.find(load.FaultSecondCopy, table)
			f.ID, f.StartedAt = id, c.StartedAt
			return
		}
		a.starts[id] = c.StartedAt
		a.counted.day(a.part.dayOf(c.StartedAt)).count(c)
		a.conversation(c, id)
	}, "conversation_id", "environment", "started_at", "in_progress", "lifecycle", "missing_since", "transcript_status", "turns_loaded", "metrics")
	if err != nil {
		a.unreadable(table)
		a.starts, a.queue = map[string]warehouse.Timestamp{}, nil // they could not be read
		return ctx.Err()
	}
	a.strays = misplaced || a.extra
	if order.broken || misplaced {
		a.find(load.FaultMisplaced, table).Path = a.part.file(table)
	}
	return nil
}

// conversation checks the lifecycle of a conversation, and removes it from the
// rest of the queue.
func (a *partAudit) conversation(c *warehouse.Conversation, id string) {
	fixed := *c
	if load.FixLifecycle(&fixed) {
		f := a.find(load.FaultLifecycle, conversations.Name())
		f.ID, f.StartedAt = id, c.StartedAt
	}
	if c.Lifecycle != warehouse.LifecycleOpen || c.MissingSince.Valid || a.extra || !a.part.has(dayOf(c.StartedAt)) {
		return
	}
	if entry, queued := a.queue[id]; !queued || entry.StartedAt != c.StartedAt || entry.Environment != c.Environment {
		f := a.find(load.FaultNotQueued, warehouse.OpenConversations.Name)
		f.ID, f.StartedAt = id, c.StartedAt
	}
	delete(a.queue, id)
}

// inOrder checks that rows are ordered by start and id.
type inOrder struct {
	any, broken bool
	last        warehouse.Timestamp
	id          string
}

func (o *inOrder) next(id string, start warehouse.Timestamp) {
	o.broken = o.broken || o.any && cmp.Or(cmp.Compare(o.last, start), cmp.Compare(o.id, id)) > 0
	o.any, o.last, o.id = true, start, id
}

// parts finds the rows of a part that have no conversation.
func (a *partAudit) parts(ctx context.Context, p warehouse.Part, f *rowfile.Format) error {
	table := f.Name()
	if !a.readable[table] {
		return nil
	}
	var order inOrder
	lost := a.info != nil && a.info.files[conversations.Name()].Rows > 0 && !a.readable[conversations.Name()]
	found := map[string]warehouse.Timestamp{}
	err := scanRows(ctx, a.view, f, a.part, func(row any) {
		id, start := p.Owner(row)
		order.next(id, start)
		if at, stored := a.starts[id]; lost || stored && at == start {
			return
		}
		if at, ok := found[id]; ok && at == start {
			return
		}
		id = strings.Clone(id)
		found[id] = start
		o := a.find(load.FaultOrphanParts, table)
		o.ID, o.StartedAt = id, start
	}, "conversation_id", "started_at")
	if err != nil {
		a.unreadable(table)
		return ctx.Err()
	}
	if order.broken {
		a.find(load.FaultMisplaced, table).Path = a.part.file(table)
	}
	return nil
}

// compareCounts compares the number of conversations with the counts of the
// manifest.
func (a *partAudit) compareCounts() {
	if a.info == nil || len(a.faults) > 0 {
		return
	}
	same := func(x, y *tally) bool {
		return x.Conversations == y.Conversations && x.Hidden == y.Hidden && x.Missing == y.Missing && x.Newest == y.Newest
	}
	sameDay := func(x, y *dayInfo) bool { return maps.EqualFunc(x.Environments, y.Environments, same) }
	if !maps.EqualFunc(a.info.days, a.counted.days, sameDay) {
		a.find(load.FaultManifest, conversations.Name()).Path = a.part.manifest()
	}
}

// scanRows reads the named columns of a partition's file, and calls do with
// each row.
func scanRows(ctx context.Context, v *view, f *rowfile.Format, p partition, do func(row any), columns ...string) (err error) {
	name := p.file(f.Name())
	r, err := openFile(ctx, v, f, name, p.project, columns...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if r.rows != nil && !r.rows.Has("conversation_id") {
		return damaged(r.path, fmt.Errorf("it has no column conversation_id"))
	}
	for {
		row, err := r.next()
		if err = cmp.Or(err, ctx.Err()); err != nil || row == nil {
			return err
		}
		do(row)
	}
}
