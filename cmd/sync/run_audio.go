package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"convsync/internal/config"
	"convsync/internal/pipeline"
	"convsync/internal/recordings"
	"convsync/internal/serve"
	"convsync/internal/warehouse"
)

// audioOutput is the JSON output of `run --audio-only`.
type audioOutput struct {
	Verdict    string             `json:"verdict"` // ok, attention or failing
	RunID      string             `json:"run_id"`
	Kind       string             `json:"kind"`
	StartedAt  time.Time          `json:"started_at"`
	FinishedAt time.Time          `json:"finished_at"`
	Error      *pipeline.Failure  `json:"error"`
	Recordings *recordings.Report `json:"recordings"`
}

// checkAudio refuses flags that do not fit together.
func (opts *runOptions) checkAudio() error {
	for _, availability := range opts.recheck {
		if err := oneOf("recheck", availability, warehouse.AudioMissing, warehouse.AudioForbidden, warehouse.AudioFailed); err != nil {
			return err
		}
	}
	switch {
	case !opts.audioOnly && len(opts.recheck) > 0:
		return usageError(errors.New("--recheck needs --audio-only"))
	case opts.audioOnly && (opts.from != "" || opts.to != "" || opts.dryRun || opts.metricsFile != ""):
		return usageError(errors.New("--audio-only syncs no conversations: leave out --from, --to, --dry-run and --metrics-file"))
	}
	return nil
}

// runAudioOnly works through the backlog of recordings without a sync.
func runAudioOnly(ctx context.Context, app *app, opts runOptions) error {
	if err := oneOf("output", opts.output, "text", "json"); err != nil {
		return err
	}
	out := audioOutput{Kind: pipeline.KindAudio, StartedAt: time.Now().UTC()}
	cfg, err := app.loadConfig()
	if err == nil {
		out.RunID, out.Recordings, err = opts.recordOnly(ctx, app, cfg)
	}
	if out.Recordings != nil && opts.output == "text" && (!app.quiet || err != nil) {
		printRecordings(app.stdout, out.Recordings)
	}
	if opts.output != "json" {
		return err
	}
	out.FinishedAt, out.Error = time.Now().UTC(), failureOf(ctx, err)
	switch {
	case err == nil:
		out.Verdict = serve.VerdictOK
	case out.Recordings != nil:
		out.Verdict = serve.VerdictAttention
	default:
		out.Verdict = serve.VerdictFailing
	}
	return errors.Join(err, json.NewEncoder(app.stdout).Encode(out))
}

func (opts *runOptions) recordOnly(ctx context.Context, app *app, cfg *config.Config) (runID string, report *recordings.Report, err error) {
	projects, err := chooseProjects(cfg, opts.projects)
	if err != nil {
		return "", nil, err
	}
	if !slices.ContainsFunc(projects, func(p config.Project) bool { return p.Audio.IsRequested() }) {
		return "", nil, configError(errors.New("--audio-only: no recordings are configured; set sync.audio to check or store"))
	}
	audio, err := newAudio(ctx, app, cfg, projects, newShared(cfg.Sync.Workers))
	if err != nil {
		return "", nil, err
	}
	defer audio.close()
	audio.Recheck = opts.recheck
	report, err = app.showAudio(ctx, audio)
	return audio.Owner.RunID, report, audioOutcome(ctx, report, err)
}

// recordAfter works on the recordings of projects after their sync; nil: there is
// nothing to do.
func recordAfter(ctx context.Context, app *app, cfg *config.Config, projects []config.Project, s *shared) (*recordings.Report, error) {
	projects = slices.DeleteFunc(slices.Clone(projects), func(p config.Project) bool { return !hasAudio(cfg, &p) })
	if len(projects) == 0 || ctx.Err() != nil {
		return nil, nil
	}
	audio, err := newAudio(ctx, app, cfg, projects, s)
	if err != nil {
		return nil, err
	}
	defer audio.close()
	return app.showAudio(ctx, audio)
}

// showAudio works on recordings, and shows the progress.
func (a *app) showAudio(ctx context.Context, audio *audioRun) (*recordings.Report, error) {
	stop := a.showRecordings(audio.Progress)
	defer stop()
	return audio.do(ctx)
}

// audioOutcome returns the error of work on recordings, which determines the exit
// code. Recordings that are missing or failed are results, no errors.
func audioOutcome(ctx context.Context, report *recordings.Report, err error) error {
	switch {
	case ctx.Err() != nil:
		return codedError(exitInterrupted, errors.New("interrupted; what was stored is kept, and the next run continues from there"))
	case err != nil:
		return err
	case report != nil && report.Incomplete():
		return codedError(exitPartial, audioIncomplete(report))
	}
	return nil
}
