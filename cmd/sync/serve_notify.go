package main

import (
	"context"
	"time"

	"convsync/internal/config"
	"convsync/internal/notify"
	"convsync/internal/pipeline"
	"convsync/internal/serve"
)

// notifyOptions returns the channels for notifications from the configuration.
func notifyOptions(cfg *config.Config) notify.Options {
	o := notify.Options{
		Format:     cfg.Notify.Format,
		Command:    cfg.Notify.Command,
		CommandEnv: config.CommandEnvironment(cfg.Notify.Command),
		StatePath:  cfg.Notify.StateFile,
		StaleAfter: cfg.Serve.StaleAfter,
	}
	if url := cfg.Notify.WebhookURL; !url.IsZero() {
		o.WebhookURL = url.Resolve
	}
	if url := cfg.Notify.HeartbeatURL; !url.IsZero() {
		o.HeartbeatURL = url.Resolve
	}
	for i := range cfg.Schedules {
		o.Schedules = append(o.Schedules, cfg.Schedules[i].Name)
	}
	return o
}

func (s *service) startNotifier() (err error) {
	if s.cfg.Notify.IsZero() {
		return nil
	}
	o := notifyOptions(s.cfg)
	o.Log = s.log
	if s.notifier, err = notify.New(o); err != nil {
		return configError(err)
	}
	return nil
}

// lastWords is the timeout for sending pending notifications at the end.
const lastWords = 10 * time.Second

func (s *service) stopNotifier() {
	if s.notifier == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	s.notifier.Close(ctx)
}

// tell passes the result of a run to the notifier. A verification loads nothing,
// so its report says nothing about single projects.
func (s *service) tell(ctx context.Context, planned *config.Schedule, projects []string, report *pipeline.Report, err error) {
	if s.notifier == nil {
		return
	}
	if !planned.Loads() {
		report = nil
	}
	all := planned.Projects
	if len(all) == 0 {
		all = storedIDs(s.cfg.Projects)
	}
	s.notifier.Ran(ctx, notify.Scheduled{Schedule: planned.Name, Projects: projects, All: all}, report, err)
}

// agesEvery is the interval of checks for old data, and of retries of failed
// deliveries.
const agesEvery = time.Minute

// watched passes the state of the destination between runs to the notifier.
func (s *service) watched(sight serve.Sight) {
	if s.notifier == nil {
		return
	}
	ctx, now := context.Background(), time.Now()
	s.notifier.Reached(ctx, sight.Failing, sight.Err, now)
	s.notifier.Idle(ctx, sight.IdleSince, now)
	if sight.StoreTried {
		s.notifier.Store(ctx, sight.StoreFailing, sight.StoreErr, now)
	}
	if sight.Watermarks != nil && now.Sub(s.aged) >= agesEvery {
		s.aged = now
		s.notifier.Ages(ctx, sight.Watermarks, now)
	}
}
