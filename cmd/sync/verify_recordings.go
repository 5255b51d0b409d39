package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"convsync/internal/config"
	"convsync/internal/extract"
	"convsync/internal/recordings"
	"convsync/internal/recordings/store"
	"convsync/internal/warehouse"
)

// copiesVerification is the result of `convsync verify --recordings`.
type copiesVerification struct {
	span     extract.Span // empty: all time
	repair   bool
	projects []copiesVerified
}

// copiesVerified is the result for a project.
type copiesVerified struct {
	id string
	// found by the first pass, and left by the second one, which is the first one if
	// nothing was repaired. nil: err says why.
	found, left *recordings.Verification
	err         error
}

// runVerifyRecordings compares the stored recordings with their rows, without a
// request to the source.
func runVerifyRecordings(ctx context.Context, app *app, opts verifyOptions) error {
	span, err := parseTimeRange(opts.from, opts.to, time.Now())
	if err != nil {
		return err
	}
	v := &copiesVerification{span: span, repair: opts.repair}
	if err := v.verify(ctx, app, opts.projects); err != nil {
		return printFailure(ctx, app.stdout, opts.output, err)
	}
	return errors.Join(v.outcome(), v.print(app.stdout, opts.output))
}

func (v *copiesVerification) verify(ctx context.Context, app *app, ids []string) error {
	cfg, err := app.loadConfig()
	if err != nil {
		return err
	}
	projects, err := chooseProjects(cfg, ids)
	if err != nil {
		return err
	}
	if cfg.Recordings.Store == "" {
		return configError(errors.New("verify --recordings: there is no folder for the copies of recordings; expected audio: {store: ./recordings} in the configuration"))
	}
	destination, err := openDestination(ctx, cfg, 0)
	if err != nil {
		return err
	}
	defer destination.Close() //nolint:errcheck // what was written is durable
	owner := newOwner()
	owner.Kind = config.KindVerify
	for i := range projects {
		o := recordings.VerifyOptions{
			ProjectID:    projects[i].StoredID,
			Environments: projects[i].Environments,
			Destination:  destination,
			OpenStore:    existingStore(cfg),
			Owner:        owner,
			Log:          app.log.With("run_id", owner.RunID),
		}
		if !v.span.Empty() {
			o.From, o.Until = warehouse.TimestampOf(v.span.From.Time()), warehouse.TimestampOf(v.span.Until.Time())
		}
		verified := v.project(ctx, app, o)
		if ctx.Err() != nil {
			return cmp.Or(verified.err, ctx.Err())
		}
		v.projects = append(v.projects, verified)
	}
	return nil
}

// existingStore returns a function that opens the folder of recordings, and does not
// create it: if its disk is not mounted, no recording is lost.
func existingStore(cfg *config.Config) func() (*store.Store, error) {
	return func() (*store.Store, error) {
		return store.Open(store.Options{Path: cfg.Recordings.Store, Mode: cfg.Recordings.Mode, Existing: true})
	}
}

// project verifies the recordings of a project, and again after a repair.
func (v *copiesVerification) project(ctx context.Context, app *app, o recordings.VerifyOptions) copiesVerified {
	do := func(pass func(context.Context, recordings.VerifyOptions) (*recordings.Verification, error)) (*recordings.Verification, error) {
		o.Progress = new(recordings.Progress)
		stop := app.showRecordings(o.Progress)
		defer stop()
		return pass(ctx, o)
	}
	p := copiesVerified{id: o.ProjectID}
	if !v.repair {
		p.found, p.err = do(recordings.Verify)
		p.left = p.found
		return p
	}
	if p.found, p.err = do(recordings.Repair); p.err != nil {
		return p
	}
	p.left = p.found
	if len(p.found.Faults) == 0 {
		return p
	}
	if p.left, p.err = do(recordings.Verify); p.err == nil && p.found.ForeignVerified {
		p.left.Unverified = "" // another process may store recordings again
	}
	return p
}

// counts returns the findings by kind, of the first pass and of the second one.
func (v *copiesVerification) counts() (found, left map[string]int64) {
	found, left = map[string]int64{}, map[string]int64{}
	for i := range v.projects {
		p := &v.projects[i]
		if p.err != nil {
			continue
		}
		for kind, n := range p.found.Faults {
			found[kind] += n
		}
		for kind, n := range p.left.Faults {
			left[kind] += n
		}
	}
	return found, left
}

// outcome returns the error of the command; nil if nothing differs.
func (v *copiesVerification) outcome() error {
	var errs []error
	if _, left := v.counts(); len(left) > 0 {
		errs = append(errs, v.differ(left))
	}
	verified, claimed := 0, 0
	for i := range v.projects {
		p := &v.projects[i]
		switch {
		case p.err != nil:
			errs = append(errs, fmt.Errorf("recordings of project %s could not be verified: %w", p.id, p.err))
			if recordings.IsClaimed(p.err) {
				claimed++
			}
			continue
		case p.left.Unverified != "":
			errs = append(errs, fmt.Errorf("project %s was not searched for files that no row names: %s", p.id, p.left.Unverified))
		}
		verified++
	}
	switch {
	case len(errs) == 0:
		return nil
	case verified > 0:
		return codedError(exitPartial, errors.Join(errs...))
	case claimed == len(v.projects):
		return codedError(exitLocked, errors.Join(errs...))
	}
	return codedError(exitFailed, errors.Join(errs...))
}

// differ says what to do about the findings that are left.
func (v *copiesVerification) differ(left map[string]int64) error {
	advice := ""
	if left[recordings.UnreadableRecording] > 0 {
		advice = "give the user of convsync access to the files that cannot be read, or check the disk"
	}
	switch {
	case v.repair:
		return fmt.Errorf("differences remain after the repair, see above: %s", cmp.Or(advice, "repair again, or find out what else changes the store"))
	case advice != "" && len(left) == 1:
		return fmt.Errorf("stored recordings cannot be read: %s", advice)
	case advice != "":
		advice = "; " + advice
	}
	return errors.New("stored recordings differ from their rows: add --repair to move altered and foreign files to .convsync/quarantine in the store, " +
		"and to let the next run store lost and altered recordings again" + advice)
}
