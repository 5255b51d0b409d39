package recordings

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"

	"convsync/internal/load"
	"convsync/internal/recordings/store"
	"convsync/internal/warehouse"
)

// The kinds of findings of [Verify].
const (
	LostRecording       = "lost_recording"       // a row names a file that does not exist
	AlteredRecording    = "altered_recording"    // the size or the SHA-256 of the file is not that of the row
	UnreadableRecording = "unreadable_recording" // the file exists, and cannot be read
	ForeignRecording    = "foreign_recording"    // a file in the folder of the project that no row names
)

// VerifyOptions configures [Verify] and [Repair].
type VerifyOptions struct {
	ProjectID    string // as stored
	Environments []string
	Destination  Destination
	// OpenStore opens the folder of the copies, which must exist.
	OpenStore func() (*store.Store, error)
	// From and Until limit the starts of the conversations to [From, Until). Both 0:
	// all of them, and only then foreign files are looked for, because the row of a
	// file may be outside the range.
	From, Until warehouse.Timestamp
	Workers     int // files that are read at the same time; 0: one for each processor, at most 8
	Owner       load.Owner
	Log         *slog.Logger // nil: no log
	Progress    *Progress    // nil: not needed
	Clock       func() time.Time
}

// Verification is the result of comparing the rows of a project with its files.
type Verification struct {
	ProjectID string           `json:"project_id"`
	Copies    int64            `json:"copies"` // files that rows name
	Bytes     int64            `json:"bytes"`  // of the files that were read
	Faults    map[string]int64 `json:"faults"` // by kind
	Findings  []Finding        `json:"findings"`
	// ForeignVerified reports that foreign files were looked for.
	ForeignVerified bool `json:"foreign_verified"`
	// Unverified is why that was not possible for all time; "": it was, or was not
	// wanted.
	Unverified string `json:"unverified,omitempty"`
}

// shownFindings limits Verification.Findings. Faults counts all.
const shownFindings = 1000

// Finding is a difference between a row and its file.
type Finding struct {
	Kind           string     `json:"kind"`
	Path           string     `json:"path"` // relative to the store
	ConversationID string     `json:"conversation_id,omitempty"`
	Direction      string     `json:"direction,omitempty"`
	Version        string     `json:"version,omitempty"` // redacted or raw
	StartedAt      *time.Time `json:"started_at,omitempty"`
	SHA256         string     `json:"sha256,omitempty"` // of the row
	SizeBytes      int64      `json:"size_bytes,omitempty"`
	FoundSHA256    string     `json:"found_sha256,omitempty"` // of the file, if it was read
	FoundBytes     int64      `json:"found_bytes,omitempty"`
	Reason         string     `json:"reason,omitempty"`
	MovedTo        string     `json:"moved_to,omitempty"` // where Repair moved the file

	row *copyRow // nil: no row names the file
}

// Verify compares the rows of a project that name a copy with the files of the store.
// It requests nothing from the source. Memory does not depend on the size or the
// number of the files, except for 8 bytes for each copy if foreign files are looked
// for. Other processes may check and store recordings at the same time.
func Verify(ctx context.Context, o VerifyOptions) (*Verification, error) {
	v, err := newVerifier(ctx, &o)
	if err != nil {
		return nil, err
	}
	defer v.options.Progress.running.Store(false)
	if err = v.rows(ctx, v.verifyPage); err == nil && v.isWhole() {
		err = v.foreign(ctx)
	}
	return v.result(err)
}

// Repair is [Verify] under the claims on the recordings of the project, and repairs
// what it finds. The row of a lost or altered file no longer names a copy, so that the
// next run stores it again. Altered and foreign files are moved to the quarantine of
// the store. Files that cannot be read remain as they are. If it is interrupted, the
// next call continues.
func Repair(ctx context.Context, o VerifyOptions) (*Verification, error) {
	v, err := newVerifier(ctx, &o)
	if err != nil {
		return nil, err
	}
	defer v.options.Progress.running.Store(false)
	err = v.claimed(ctx, func(ctx context.Context, t *turn) error {
		if err := t.removeDeleted(ctx); err != nil {
			return err
		}
		if err := t.stores.err(); err != nil {
			return err
		}
		v.turn = t
		if err := v.rows(ctx, v.verifyPage); err != nil || !v.isWhole() {
			return err
		}
		return v.foreignClaimed(ctx, t)
	})
	return v.result(err)
}

// verifier verifies the recordings of a project.
type verifier struct {
	options *VerifyOptions
	store   *store.Store
	folder  string       // of the project: how URIs of its files begin
	named   hashes       // of the URIs that rows name, if foreign files are looked for
	stored  int64        // rows with a copy
	bytes   atomic.Int64 // of the files that were read
	found   *Verification
	turn    *turn // nil: nothing is repaired
}

func newVerifier(ctx context.Context, o *VerifyOptions) (*verifier, error) {
	o.Workers = cmp.Or(o.Workers, min(runtime.GOMAXPROCS(0), 8))
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.Progress == nil {
		o.Progress = new(Progress)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	opened, err := o.OpenStore()
	if err != nil {
		return nil, err
	}
	counts, err := o.Destination.RecordingCounts(ctx, map[string][]load.RecordingKind{o.ProjectID: nil})
	if err != nil {
		return nil, err
	}
	o.Progress.begin(o.Clock())
	o.Progress.due.Add(counts[o.ProjectID].Stored)
	return &verifier{
		options: o,
		store:   opened,
		folder:  store.FolderURI(o.ProjectID),
		found:   &Verification{ProjectID: o.ProjectID, Faults: map[string]int64{}, Findings: []Finding{}},
	}, nil
}

func (v *verifier) isWhole() bool { return v.options.From == 0 && v.options.Until == 0 }

func (v *verifier) result(err error) (*Verification, error) {
	if err != nil {
		return nil, err
	}
	v.found.Bytes = v.bytes.Load()
	return v.found, nil
}

// add adds findings to the result.
func (v *verifier) add(findings ...Finding) {
	for i := range findings {
		findings[i].row = nil // it is part of a page
		v.found.Faults[findings[i].Kind]++
		if len(v.found.Findings) < shownFindings {
			v.found.Findings = append(v.found.Findings, findings[i])
		}
	}
}

// claimed calls do under the claims on the recordings of the project: that of the
// destination, and that of the store.
func (v *verifier) claimed(ctx context.Context, do func(context.Context, *turn) error) (err error) {
	o := v.options
	claim, err := o.Destination.ClaimRecordings(ctx, o.Owner, o.ProjectID)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, claim.Close()) }()
	ctx, release := watched(ctx, claim)
	defer release()
	work := Options{
		Destination: o.Destination,
		OpenStore:   o.OpenStore,
		Owner:       o.Owner,
		Log:         o.Log,
		Clock:       o.Clock,
	}
	work.setDefaults()
	p := Project{StoredID: o.ProjectID, Environments: o.Environments, Policy: Policy{Mode: Store}}
	p.setDefaults()
	w := &worker{
		requester: newRequester(&p, &work, newPermits(&work)),
		stores:    &stores{open: o.OpenStore, log: o.Log},
	}
	t, err := w.newTurn(ctx, claim)
	if err != nil {
		return err
	}
	defer func() {
		if cause := context.Cause(ctx); err != nil && cause != nil {
			err = cause
		}
		err = errors.Join(err, t.end(ctx))
	}()
	if err := t.claimFolder(); err != nil {
		return err
	}
	if t.folder == nil {
		return t.stores.err()
	}
	return do(ctx, t)
}
