package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A served is `convsync serve` as a process of its own.
type served struct {
	t    *testing.T
	url  string
	cmd  *exec.Cmd
	log  bytes.Buffer // to be read after the end
	read chan struct{}
}

// serveIn starts the real process, and kills it at the end of the test
// unless it was stopped by then. env has entries such as "TMPDIR=/tmp".
func serveIn(t *testing.T, config string, env []string, args ...string) *served {
	t.Helper()
	s := &served{t: t, read: make(chan struct{})}
	s.cmd = command(context.WithoutCancel(t.Context()), append([]string{"serve", "--config", config, "--log-level", "warn", "--grace", "1h"}, args...)...)
	s.cmd.Env = append(s.cmd.Env, env...)
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stderr)
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.read
		_ = s.cmd.Wait()
	})
	address := regexp.MustCompile(`^serving at (http://\S+)`)
	for s.url == "" {
		line, err := lines.ReadString('\n')
		s.log.WriteString(line)
		if err != nil {
			close(s.read)
			t.Fatalf("it serves nothing: %v\n%s", err, s.log.String())
		}
		if found := address.FindStringSubmatch(line); found != nil {
			s.url = found[1]
		}
	}
	go func() {
		defer close(s.read)
		_, _ = io.Copy(&s.log, lines)
	}()
	return s
}

// stop ends the process by a signal, and returns what it logged.
func (s *served) stop() string {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	<-s.read
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("it ends with %v\n%s", err, s.log.String())
	}
	return s.log.String()
}

// kill ends the process from outside.
func (s *served) kill() {
	s.t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	<-s.read
	_ = s.cmd.Wait()
}

// metrics are the values of all series, by name and labels as they stand.
func (s *served) metrics() map[string]float64 {
	s.t.Helper()
	status, text := get(s.t, s.url+"/metrics")
	if status != 200 {
		s.t.Fatalf("/metrics is %d: %s", status, text)
	}
	values := map[string]float64{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.Contains(name, "{") { // values of labels have no space before the brace ends
			end := strings.LastIndexByte(line, '}')
			name, value = line[:end+1], strings.TrimSpace(line[end+1:])
		}
		if number, err := strconv.ParseFloat(value, 64); err == nil {
			values[name] = number
		}
	}
	return values
}

// await looks at the metrics until they are as wanted.
func (s *served) await(what string, ok func(values map[string]float64) bool) {
	s.t.Helper()
	until(s.t, what, func() bool { return ok(s.metrics()) })
}

// runsOf are the counts of runs among metrics.
func runsOf(values map[string]float64) map[string]float64 {
	runs := map[string]float64{}
	for name, value := range values {
		if strings.HasPrefix(name, "convsync_runs_total{") {
			runs[name] = value
		}
	}
	return runs
}
