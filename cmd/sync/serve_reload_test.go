package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"convsync/internal/load/parquet"
	"convsync/internal/schedule"
	"convsync/internal/serve"
	"convsync/internal/simulate"
)

// reloading is `convsync serve` as a process of its own, whose log is read while
// it goes.
type reloading struct {
	t    *testing.T
	cmd  *exec.Cmd
	said *lines
}

func startReloading(t *testing.T, file string, args ...string) *reloading {
	t.Helper()
	p := &reloading{t: t, said: &lines{}}
	p.cmd = command(context.WithoutCancel(t.Context()), append([]string{"serve", "--config", file, "--log-format", "text"}, args...)...)
	p.cmd.Stderr = p.said
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	return p
}

// await waits until something was logged n times.
func (p *reloading) await(n int, what string) {
	p.t.Helper()
	until(p.t, "it logs "+what, func() bool { return strings.Count(p.said.String(), what) >= n })
}

// hangUp writes the configuration, sends SIGHUP, and waits for the answer.
func (p *reloading) hangUp(file, text string, n int, what string) {
	p.t.Helper()
	writeFile(p.t, file, text)
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		p.t.Fatal(err)
	}
	p.await(n, what)
}

// url is the n-th address that was served at.
func (p *reloading) url(n int) string {
	p.t.Helper()
	p.await(n, "serving at http")
	return regexp.MustCompile(`serving at (http://\S+)`).FindAllStringSubmatch(p.said.String(), -1)[n-1][1]
}

func (p *reloading) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("it ends with %v: %s", err, p.said.String())
	}
}

const twoSchedules = "schedules: { nightly: { cron: \"0 2 29 2 *\" }, weekly: { cron: \"0 4 29 2 *\" } }\n"

func TestServeReload(t *testing.T) {
	t.Parallel()
	_, source := past(t, 50, 3, simulate.Deviations{})
	file := configure(t, source.URL, into(filepath.Join(t.TempDir(), "lake")))
	base := readFile(t, file)
	const nightly = "schedules: { nightly: { cron: \"0 2 29 2 *\" } }\n"
	listens := "serve: { listen: \"127.0.0.1:0\" }\n"
	writeFile(t, file, base+nightly+listens)
	p := startReloading(t, file, "--run-now")
	first := p.url(1)
	p.await(1, "the run succeeded")

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	secret := filepath.Join(t.TempDir(), "token")
	refused := "keeping the previous configuration"
	for i, c := range []struct{ text, said string }{
		{base + nightly + "serve: { lisen: \"127.0.0.1:0\" }\n", "lisen"},
		{base + listens, "no schedule is configured"},
		{base + nightly + "serve: { listen: \"" + taken.Addr().String() + "\" }\n", "cannot listen on " + taken.Addr().String()},
		{base + nightly + "serve: { listen: \"127.0.0.1:0\", token_file: " + secret + " }\n", secret},
	} {
		p.hangUp(file, c.text, i+1, refused)
		p.await(1, c.said)
		if status, _ := get(t, first+"/"); status != http.StatusOK {
			t.Errorf("%s: the page is %d after it", c.said, status)
		}
	}

	writeFile(t, secret, "a-made-up-token-of-length")
	p.hangUp(file, base+twoSchedules+"serve: { listen: \"127.0.0.1:0\", token_file: "+secret+" }\n", 1, "reloaded the configuration")
	second := p.url(2)
	if status, _ := get(t, second+"/"); status != http.StatusUnauthorized {
		t.Errorf("with a token, the page is %d", status)
	}
	if said := p.said.String(); strings.Count(said, "weekly at ") != 1 {
		t.Errorf("the new schedule is not announced: %s", said)
	}
	p.stop()
}

// TestServeReload_WhileARunGoes checks that the run ends as it began, and that
// metrics and page of the new configuration have it.
func TestServeReload_WhileARunGoes(t *testing.T) {
	t.Parallel()
	simulator, plain := past(t, 50, 3, simulate.Deviations{})
	plain.Close()
	asked, goOn := make(chan struct{}), make(chan struct{})
	var requests atomic.Int64
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 1 {
			close(asked)
			<-goOn
		}
		simulator.ServeHTTP(w, r)
	}))
	t.Cleanup(source.Close)
	file := configure(t, source.URL, into(filepath.Join(t.TempDir(), "lake")))
	base := readFile(t, file) + "serve: { listen: \"127.0.0.1:0\" }\n"
	writeFile(t, file, base+"schedules: { nightly: { cron: \"0 2 29 2 *\" } }\n")
	p := startReloading(t, file, "--run-now")
	<-asked
	p.hangUp(file, base+twoSchedules, 1, "reloaded the configuration")
	url := p.url(2)
	close(goOn)
	p.await(1, "the run succeeded")
	eventually(t, url+"/metrics", `convsync_runs_total{kind="incremental",status="succeeded"} 1`)
	eventually(t, url+"/", "acme-team-4")
	p.stop()
}

// TestServeReload_Grace stops a service whose run waits for the run of the
// service before it.
func TestServeReload_Grace(t *testing.T) {
	t.Parallel()
	lake, err := parquet.Open(parquet.Options{Path: filepath.Join(t.TempDir(), "lake")})
	if err != nil {
		t.Fatal(err)
	}
	s := &service{log: slog.New(slog.DiscardHandler), lifetime: newLifetime(), destination: lake}
	if s.server, err = serve.New(serve.Options{Destination: lake}); err != nil {
		t.Fatal(err)
	}
	l, holds, waits := s.lifetime, make(chan struct{}), make(chan struct{})
	l.draining.Go(func() { // the run of the service before
		before := l.queue.enter([]string{"acme-team-4"}, false)
		defer before.leave()
		close(holds)
		<-l.hard.Done()
	})
	s.scheduler, err = schedule.New(schedule.Options{Entries: []schedule.Entry{{Name: "nightly", Cron: "0 2 29 2 *", Run: func(ctx context.Context) error {
		turn := l.queue.enter([]string{"acme-team-4"}, false)
		defer turn.leave()
		close(waits)
		return turn.wait(ctx)
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	<-holds
	if err := errors.Join(s.scheduler.Start(t.Context()), s.scheduler.RunNow("nightly")); err != nil {
		t.Fatal(err)
	}
	<-waits
	if err := s.stop(time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it stops with %v", err)
	}
}
