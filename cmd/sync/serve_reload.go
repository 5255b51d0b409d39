package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"convsync/internal/config"
	"convsync/internal/notify"
	"convsync/internal/pipeline"
	"convsync/internal/schedule"
)

// lifetime is shared by the services of one process: a reload replaces the
// service, while runs of the previous one may continue.
type lifetime struct {
	queue    runQueue
	shared   *shared
	slow     slowProjects
	recorder *recorder
	draining sync.WaitGroup
	hard     context.Context // ends runs of services that were replaced
	cancel   context.CancelFunc

	starting    context.Context // no run starts after its end
	startNoMore context.CancelFunc
}

func newLifetime() *lifetime {
	l := &lifetime{shared: newShared(config.Workers{Extract: 1, Transform: 1, Load: 1}), recorder: newRecorder()} // a start sets the sizes
	l.hard, l.cancel = context.WithCancel(context.Background())
	l.starting, l.startNoMore = context.WithCancel(l.hard)
	return l
}

// end waits for the runs of services that were replaced, and for the recordings in
// progress. When ctx ends first, runs are stopped at their next commit, and
// downloads are cancelled: they are repeated later.
func (l *lifetime) end(ctx context.Context) error {
	defer l.recorder.working.Wait()
	defer l.cancel()
	done := make(chan struct{})
	go func() { l.draining.Wait(); close(done) }()
	select {
	case <-done:
		l.recorder.wait(ctx)
		return nil
	case <-ctx.Done():
	}
	l.cancel()
	<-done
	return fmt.Errorf("runs with an earlier configuration were stopped before they finished: %w", context.Cause(ctx))
}

// latest returns the current service.
func (s *service) latest() *service {
	for {
		next := s.successor.Load()
		if next == nil {
			return s
		}
		s = next
	}
}

// reload replaces the service by one with the current configuration, and
// returns the service in use. Problems of the configuration are logged, and the
// previous service stays. After an error no service is in use: the old server
// has stopped and the new one could not start.
func (s *service) reload(ctx context.Context) (*service, error) {
	next := &service{app: s.app, log: s.log, metrics: s.metrics, lifetime: s.lifetime}
	if err := next.prepareReload(ctx, s); err != nil {
		s.log.Error("reload: " + pipeline.FailureOf(err).Message + "; keeping the previous configuration")
		return s, nil
	}
	s.retire(next)
	if err := next.start(context.WithoutCancel(ctx), false); err != nil {
		return next, fmt.Errorf("reload: %w", err)
	}
	s.log.Info("reloaded the configuration", "projects", len(next.cfg.Projects), "schedules", len(next.cfg.Schedules))
	return next, nil
}

// prepareReload prepares a service, and checks everything else that could keep
// it from starting after the previous one has stopped.
func (s *service) prepareReload(ctx context.Context, before *service) error {
	if err := s.prepare(ctx, before); err != nil {
		return err
	}
	err := s.checkNotifier()
	if s.cfg.Serve.Listen != before.cfg.Serve.Listen {
		err = errors.Join(err, checkListen(ctx, s.cfg.Serve.Listen))
	}
	if err != nil {
		return errors.Join(err, s.events.stop(ctx), s.closeDestinations())
	}
	return nil
}

// checkNotifier checks the options, without the state file, which the notifier
// of the previous service writes.
func (s *service) checkNotifier() error {
	if s.cfg.Notify.IsZero() {
		return nil
	}
	o := notifyOptions(s.cfg)
	o.StatePath = ""
	n, err := notify.New(o)
	if err != nil {
		return configError(err)
	}
	n.Close(context.Background())
	return nil
}

func checkListen(ctx context.Context, address string) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	return listener.Close()
}

// retire stops the service before it is replaced, except its run, which
// finishes in the background and is reported by the new service.
func (s *service) retire(next *service) {
	s.stopNotifier() // two would write one state file; the server keeps running meanwhile
	stopping, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.server.Stop(stopping); err != nil {
		s.log.Warn("the HTTP server of the previous configuration did not stop in time", "error", err.Error())
	}
	if err := next.startNotifier(); err != nil {
		s.log.Error("reload: notifications are off until the next reload: " + err.Error())
	}
	s.successor.Store(next)
	s.events.startNoMore() // the dispatcher of next reads them from the inbox
	s.lifetime.draining.Go(func() {
		err := errors.Join(s.scheduler.Stop(s.lifetime.hard), s.events.stop(s.lifetime.hard), s.closeDestinations())
		if err != nil {
			s.log.Warn("the previous configuration did not shut down cleanly", "error", err.Error())
		}
	})
}

// openStore opens the store of scheduled times. Each file has one store.
func (s *service) openStore(before *service) (err error) {
	if before != nil && before.cfg.Serve.StateFile == s.cfg.Serve.StateFile {
		s.store = before.store
		return nil
	}
	s.store, err = schedule.OpenFileStore(s.cfg.Serve.StateFile)
	return err
}
