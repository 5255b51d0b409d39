package parquet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

var _ load.RecordingClaimer = (*Lake)(nil)

// recordingClaim implements [load.RecordingClaim]. It may be held for days, so it
// does not hold the lock of the lake: Record takes that one for its file only.
type recordingClaim struct {
	lake    *Lake
	project string
	lock    lock
	lost    chan error

	mu       sync.Mutex
	number   int64 // of the last file
	unmerged int   // results that were recorded since the claim last tried to merge them
	closed   bool
}

// claimLock returns the name of the lock file of the claim on a project.
func claimLock(project string) string { return locksDir + "/recordings-" + shortDir(project) }

// ClaimRecordings implements [load.RecordingClaimer].
func (l *Lake) ClaimRecordings(_ context.Context, owner load.Owner, project string) (load.RecordingClaim, error) {
	claim, err := l.claimRecordings(owner, project)
	if err != nil {
		return nil, failed("cannot claim the recordings of "+project+" in the lake "+l.root, err)
	}
	return claim, nil
}

func (l *Lake) claimRecordings(owner load.Owner, project string) (*recordingClaim, error) {
	version, err := l.version()
	if err == nil && version == 0 {
		err = &load.StateError{What: "there is no lake in " + l.root, Hint: "let `convsync run` make one", Empty: true}
	}
	if err != nil {
		return nil, err
	}
	f, err := l.tryFile(claimLock(project), false)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, &load.LockedError{Where: "the recordings of the lake " + l.root, Project: project, Owner: l.claimOwner(project)}
	}
	c := &recordingClaim{
		lake:    l,
		project: project,
		lock:    lock{claimLock(project), f},
		lost:    make(chan error, 1),
	}
	if err := errors.Join(c.sign(owner), c.begin()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return c, nil
}

// sign writes the owner into the lock file, for the errors of others.
func (c *recordingClaim) sign(owner load.Owner) error {
	text, err := json.Marshal(owner)
	if err == nil {
		err = c.lock.file.Truncate(0)
	}
	if err == nil {
		_, err = c.lock.file.WriteAt(append(text, '\n'), 0)
	}
	return err
}

// claimOwner returns who has the claim on a project, as far as it is known.
func (l *Lake) claimOwner(project string) (owner load.Owner) {
	text, err := l.readFile(l.path(claimLock(project)))
	if err != nil || json.Unmarshal(text, &owner) != nil {
		return load.Owner{}
	}
	return owner
}

// begin finds the last file, and removes incomplete files of killed processes.
func (c *recordingClaim) begin() error {
	entries, err := c.lake.files.ReadDir(c.lake.path(resultsDir(c.project)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		c.number = max(c.number, resultsNumber(e.Name()))
		if !strings.HasSuffix(e.Name(), resultsSuffix) {
			_ = c.lake.files.Remove(c.lake.path(path.Join(resultsDir(c.project), e.Name()))) // the next claim tries again
		}
	}
	return err
}

// Lost implements [load.Watched].
func (c *recordingClaim) Lost() <-chan error { return c.lost }

// Record implements [load.RecordingClaim].
func (c *recordingClaim) Record(ctx context.Context, results []load.RecordingResult, state *warehouse.RecordingState) (gone []load.RecordingKey, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	gone, err = c.record(results, state)
	if c.unmerged += len(results); err == nil && c.unmerged >= c.lake.foldAt {
		c.unmerged = 0
		_ = c.lake.foldNow(ctx, c.project) // the results are durable, and the next run merges them
	}
	return gone, failed("cannot record recordings in the lake "+c.lake.root, err)
}

func (c *recordingClaim) record(results []load.RecordingResult, state *warehouse.RecordingState) (gone []load.RecordingKey, err error) {
	if err := c.held(); err != nil {
		return nil, err
	}
	shared, err := c.lake.tryFile(lockFile, true)
	if err == nil && shared == nil {
		err = &load.LockedError{Where: "the lake " + c.lake.root, Owner: c.lake.owner()}
	}
	if err != nil {
		return nil, err
	}
	defer shared.Close()                        //nolint:errcheck // nothing was written
	if _, err := c.lake.version(); err != nil { // a newer version has upgraded it
		return nil, err
	}
	f := &resultsFile{state: state}
	if f.results, gone, err = c.withoutErased(results); err != nil {
		return nil, err
	}
	if len(f.results) > 0 || state != nil {
		c.number++
		err = c.lake.writeResults(c.project, c.number, f)
	}
	return gone, err
}

// held fails if the claim was closed or lost.
func (c *recordingClaim) held() error {
	if c.closed {
		return fmt.Errorf("the claim is closed: %w", load.ErrLockLost)
	}
	why := c.lake.inPlace(c.lock.name, c.lock.file)
	if why == "" {
		return nil
	}
	err := &load.TakenOverError{Where: "the recordings of project " + c.project + " in the lake " + c.lake.root, Why: why, Owner: c.lake.claimOwner(c.project)}
	select {
	case c.lost <- err:
	default: // it was reported
	}
	return err
}

// withoutErased splits results into those to record, and the keys of erased
// conversations. Results of conversations that are not stored are recorded as
// well: the writer that merges them drops them.
func (c *recordingClaim) withoutErased(results []load.RecordingResult) (kept []load.RecordingResult, gone []load.RecordingKey, err error) {
	v, err := c.lake.view()
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	erasures, err := readLines(v, &warehouse.Erasures)
	erased := map[string]bool{}
	for _, e := range erasures {
		erased[e.ConversationID] = erased[e.ConversationID] || e.ProjectID == c.project
	}
	for i := range results {
		r := results[i]
		if r.ProjectID = c.project; erased[r.ConversationID] {
			gone = append(gone, load.RecordingKeyOf(&r.AudioReference))
		} else {
			kept = append(kept, r)
		}
	}
	return kept, gone, err
}

// Close implements [load.RecordingClaim].
func (c *recordingClaim) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	return c.lock.file.Close()
}
