package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"time"

	"convsync/internal/config"
	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/polyai"
	"convsync/internal/ratelimit"
	"convsync/internal/recordings"
	"convsync/internal/recordings/store"
	"convsync/internal/warehouse"
)

// audioRun is work on the recordings of projects, with what has to be closed after it.
type audioRun struct {
	recordings.Options
	destination load.Destination
	config      *config.Config
	log         *slog.Logger
	leave       func() // the rate budgets
}

// hasAudio reports whether there may be anything to do for the recordings of a project
// after a run. Copies are removed with their conversations in any mode.
func hasAudio(cfg *config.Config, p *config.Project) bool {
	return p.Audio.IsRequested() || enlists(&p.Audio) || cfg.Recordings.Store != ""
}

// enlists reports whether conversations that are stored may lack references,
// although no recording is requested: a sync gives each conversation its references,
// but those that were loaded with other settings have others.
func enlists(a *config.Audio) bool {
	return a.Mode == config.AudioReference && !slices.Equal(a.Kinds(), (&config.Audio{
		Mode:       config.AudioReference,
		Directions: []string{"combined"},
		Redacted:   config.RedactedTrue,
	}).Kinds())
}

// newAudio wires work on recordings together.
func newAudio(ctx context.Context, app *app, cfg *config.Config, projects []config.Project, s *shared) (*audioRun, error) {
	destination, err := openDestination(ctx, cfg, 0)
	if err != nil {
		return nil, err
	}
	owner := newOwner()
	owner.Kind = pipeline.KindAudio
	run := &audioRun{
		destination: destination,
		config:      cfg,
		log:         app.log.With("run_id", owner.RunID),
	}
	run.Options = recordings.Options{
		Destination: destination,
		OpenStore:   openStore(ctx, cfg, destination),
		Workers:     cfg.Sync.Audio.Workers,
		Owner:       owner,
		Log:         run.log,
		Progress:    &recordings.Progress{},
		Hosts:       &s.hosts,
	}
	var used []*sharedBudget
	run.leave = func() {
		for _, b := range used {
			s.budgets.leave(b)
		}
	}
	for i := range projects {
		p, budget, err := audioProject(ctx, cfg, &projects[i], s)
		if err != nil {
			run.close()
			return nil, err
		}
		if budget != nil {
			used = append(used, budget)
		}
		run.Projects = append(run.Projects, p)
	}
	return run, nil
}

// openStore returns a function that opens the folder of recordings, and creates it
// before the first one is stored; nil: none is configured. A folder that is empty
// although copies were stored is a disk that is not mounted: what is stored in it
// would be hidden or lost later, and copies of deleted conversations would remain.
func openStore(ctx context.Context, cfg *config.Config, destination load.RecordingReader) func() (*store.Store, error) {
	if cfg.Recordings.Store == "" {
		return nil
	}
	return func() (*store.Store, error) {
		if err := storeIsAway(ctx, cfg, destination); err != nil {
			return nil, err
		}
		return store.Open(store.Options{Path: cfg.Recordings.Store, Mode: cfg.Recordings.Mode})
	}
}

// recordingCounter is a part of [load.RecordingReader].
type recordingCounter interface {
	RecordingCounts(ctx context.Context, kinds map[string][]load.RecordingKind) (map[string]load.RecordingCounts, error)
}

// storeIsAway returns an error if the folder of recordings has no store, although
// copies were stored. It counts them only if there is no store.
func storeIsAway(ctx context.Context, cfg *config.Config, reader recordingCounter) error {
	if cfg.Recordings.Store == "" {
		return nil
	}
	err := store.CheckExists(cfg.Recordings.Store)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	projects := map[string][]load.RecordingKind{}
	for _, id := range storedIDs(cfg.Projects) {
		projects[id] = nil // the backlog does not matter
	}
	counts, err := reader.RecordingCounts(ctx, projects)
	if err != nil {
		return err
	}
	stored := int64(0)
	for _, c := range counts {
		stored += c.Stored
	}
	if stored == 0 {
		return nil
	}
	return &store.UnavailableError{Path: cfg.Recordings.Store, FreeBytes: -1, Err: &emptyStoreError{stored}}
}

// emptyStoreError reports a folder without a store although copies were stored.
type emptyStoreError struct{ copies int64 }

func (e *emptyStoreError) Error() string {
	return fmt.Sprintf("it is empty although %d copies were stored; if they are lost, create the file .convsync/store.json in it with the content"+
		" {\"layout\": 1}, and run `convsync verify --recordings --repair`", e.copies)
}

func (e *emptyStoreError) Unwrap() error { return fs.ErrNotExist } // for the hint of the store

// audioProject returns a project as work on recordings needs it. If recordings are
// requested, it has joined the rate budget of its key, which it must leave.
func audioProject(ctx context.Context, cfg *config.Config, p *config.Project, s *shared) (recordings.Project, *sharedBudget, error) {
	project := recordings.Project{
		ID:           p.ID,
		StoredID:     p.StoredID,
		Environments: p.Environments,
		Policy:       policyOf(&p.Audio),
		BaseURL:      audioURL(p),
	}
	if !p.Audio.IsRequested() {
		return project, nil, nil
	}
	budget, err := requestAudio(ctx, cfg, p, s, &project)
	return project, budget, err
}

// requestAudio adds what requests for recordings need, and joins the rate budget of
// the key.
func requestAudio(ctx context.Context, cfg *config.Config, p *config.Project, s *shared, project *recordings.Project) (*sharedBudget, error) {
	keyOf := keptKey(&p.WorkspaceAPIKey, nil)
	client, err := newBuildClient(cfg, p, project.BaseURL, keyOf)
	if err != nil {
		return nil, err
	}
	project.Source = client
	host := project.BaseURL
	key, err := keyOf(ctx, false) // an error: the first request returns it again
	if dataKey, errData := p.APIKey.Resolve(ctx); err == nil && errData == nil && key == dataKey {
		host = dataURL(p) // the same key has the same budget as syncs
	}
	budget := s.budgets.join(hashKey(host, key), hostOf(host), p.StoredID,
		ratelimit.BudgetOptions{PerSecond: p.MaxRequestsPerSecond, Adaptive: cfg.Sync.Adaptive})
	project.Lane = s.budgets.lane(budget, cfg.Sync.Audio.Share)
	return budget, nil
}

func policyOf(a *config.Audio) recordings.Policy {
	policy := recordings.Policy{Mode: recordings.Mode(a.Mode)}
	for _, k := range a.Kinds() {
		policy.Kinds = append(policy.Kinds, load.RecordingKind{Direction: k.Direction, Redacted: k.Redacted})
	}
	return policy
}

// do works on the recordings until nothing is due, the run is stopped, or ctx ends,
// and adds the run to those of the destination.
func (a *audioRun) do(ctx context.Context) (*recordings.Report, error) {
	began := time.Now()
	report, err := recordings.Run(ctx, a.Options)
	if t := report.Total(); t.Checked+t.Stored+t.Adopted+t.Removed+t.Enlisted > 0 || report.Incomplete() {
		a.note(context.WithoutCancel(ctx), began, report, err)
	}
	return report, err
}

// noteTimeout limits writing the row of a run on recordings.
const noteTimeout = 2 * time.Minute

// note writes the row of the run into sync_runs. In a lake it also moves the results
// into the tables. If another run writes one of the projects, that one moves them,
// and the run has no row.
func (a *audioRun) note(ctx context.Context, began time.Time, report *recordings.Report, err error) {
	ctx, cancel := context.WithTimeout(ctx, noteTimeout)
	defer cancel()
	row := a.row(began, report, err)
	if noted := a.finish(ctx, row); noted != nil && !isLocked(noted) {
		a.log.Warn("the run on recordings could not be added to sync_runs; its results are stored", "error", noted.Error())
	}
}

func (a *audioRun) row(began time.Time, report *recordings.Report, err error) *warehouse.SyncRun {
	o, t := &a.Owner, report.Total()
	row := &warehouse.SyncRun{
		RunID:      o.RunID,
		Actor:      warehouse.Text(o.Actor),
		Host:       warehouse.Text(o.Host),
		Version:    warehouse.Text(o.Version),
		ConfigHash: warehouse.Text(a.config.Fingerprint()),
		Kind:       pipeline.KindAudio,
		Status:     warehouse.RunSucceeded,
		StartedAt:  warehouse.TimestampOf(began),
		FinishedAt: warehouse.Some(warehouse.TimestampOf(time.Now())),
		Requests:   t.Requests,
		Retries:    t.Retries,
		Bytes:      t.Bytes,
	}
	if incomplete := cmp.Or(err, audioIncomplete(report)); incomplete != nil {
		row.Status, row.Error = warehouse.RunPartial, warehouse.Text(incomplete.Error())
	}
	return row
}

// finish ends the run as the writer of its projects.
func (a *audioRun) finish(ctx context.Context, row *warehouse.SyncRun) (err error) {
	destination, err := openDestination(ctx, a.config, time.Second)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, destination.Close()) }()
	var ids []string
	for i := range a.Projects {
		ids = append(ids, a.Projects[i].StoredID)
	}
	writer, err := destination.Begin(ctx, a.Owner, ids...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, writer.Close()) }()
	return writer.Finish(ctx, row)
}

// close closes the connections, and leaves the rate budgets.
func (a *audioRun) close() {
	_ = a.destination.Close() // nothing is written after this
	for i := range a.Projects {
		if client, ok := a.Projects[i].Source.(*polyai.BuildClient); ok {
			client.Close()
		}
	}
	a.leave()
}

// audioIncomplete is the reason why recordings were left out; nil: none was.
func audioIncomplete(r *recordings.Report) error {
	var reasons []string
	if r.StoreErr != nil {
		reasons = append(reasons, r.StoreErr.Error())
	}
	for i := range r.Projects {
		if p := &r.Projects[i]; p.Err != nil {
			reasons = append(reasons, "recordings of project "+p.ProjectID+": "+p.Err.Error())
		}
	}
	if len(reasons) == 0 {
		return nil
	}
	return errors.New(strings.Join(reasons, "; "))
}
