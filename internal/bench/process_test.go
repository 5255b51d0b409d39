package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// sample is one measurement of one program.
type sample struct {
	Wall      float64 `json:"wall_s"`
	CPU       float64 `json:"cpu_s"` // user and system, of the process itself
	Peak      float64 `json:"peak_mb"`
	Written   float64 `json:"written_mb"`           // to files, also what was dropped again
	Files     float64 `json:"files,omitempty"`      // of the destination, afterwards
	Disk      float64 `json:"disk_mb,omitempty"`    // the same
	WAL       float64 `json:"wal_mb,omitempty"`     // of Postgres
	ServerCPU float64 `json:"server_cpu,omitempty"` // of Postgres
	Requests  float64 `json:"requests,omitempty"`
}

// program is one that is compared.
type program struct {
	name string
	path string
	env  []string
}

// programs are the one to measure, and those of -also.
func programs(tb testing.TB) []program {
	all := []program{{name: "convsync", path: *binary}}
	for entry := range strings.SplitSeq(*also, ";") {
		if entry == "" {
			continue
		}
		name, rest, ok := strings.Cut(entry, "=")
		parts := strings.Split(rest, ",")
		if !ok {
			tb.Fatalf("-also %q: use name=path", entry)
		}
		all = append(all, program{name: name, path: parts[0], env: parts[1:]})
	}
	return all
}

// measure runs a process to its end.
func measure(ctx context.Context, env []string, path string, args ...string) (s sample, out string, err error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), env...)
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	started := time.Now()
	err = cmd.Run()
	s.Wall = time.Since(started).Seconds()
	if err != nil {
		return s, b.String(), fmt.Errorf("%s %s: %w\n%s", path, strings.Join(args, " "), err, b.String())
	}
	s.usage(cmd.ProcessState)
	return s, b.String(), nil
}

// usage adds what the kernel measured.
func (s *sample) usage(p *os.ProcessState) {
	u := p.SysUsage().(*syscall.Rusage)
	s.CPU += (p.UserTime() + p.SystemTime()).Seconds()
	kilo := 1024.0
	if runtime.GOOS == "darwin" { // there it is in bytes
		kilo = 1
	}
	s.Peak = max(s.Peak, float64(u.Maxrss)*kilo/1e6)
	s.Written += float64(u.Oublock) * 512 / 1e6
}

// self runs the test binary as a helper.
func self(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), helper+"="+name)
	cmd.Stderr = os.Stderr
	return cmd
}

// service is a running source.
type service struct {
	url  string
	stop func()
}

// serve starts the source of a data set, which ends with the benchmark.
func serve(tb testing.TB, d *dataset) *service {
	tb.Helper()
	cmd := self(context.Background(), "source", d.folder)
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		tb.Fatal(err)
	}
	s := &service{stop: sync.OnceFunc(func() {
		in.Close()
		cmd.Wait()
	})}
	tb.Cleanup(s.stop)
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatal(err)
	}
	s.url = "http://" + strings.TrimSpace(address)
	return s
}

// serves changes what the source serves.
func (s *service) serves(tb testing.TB, v variant) {
	tb.Helper()
	q := url.Values{"newest": {strconv.Itoa(v.Newest)}, "every": {strconv.Itoa(v.Every)}, "page_rows": {strconv.Itoa(v.PageRows)}, "of": {strconv.Itoa(v.Of)}}
	if v.Gzip {
		q.Set("gzip", "yes")
	}
	s.request(tb, http.MethodPut, "/variant?"+q.Encode())
}

// requests returns how many requests the source has received.
func (s *service) requests(tb testing.TB) float64 {
	tb.Helper()
	n, err := strconv.ParseFloat(s.request(tb, http.MethodGet, "/requests"), 64)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func (s *service) request(tb testing.TB, method, path string) string {
	tb.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, s.url+path, http.NoBody)
	if err != nil {
		tb.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		tb.Fatalf("%s: %s, %v: %s", path, res.Status, err, body)
	}
	return string(body)
}
