package pgtest

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// server is a private server under a supervisor, which does what each line of
// its standard input says, and stops it and clears away its files when that
// ends: with [server.stop], or with this process.
type server struct {
	url    string
	stdin  io.WriteCloser
	output *os.File
	lines  *bufio.Scanner // of output
	wait   func() error
}

// supervise takes the folder of the binaries, that of the data, and the port.
const supervise = `
bin=$1 dir=$2 port=$3
trap '"$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1; rm -rf "$dir"' EXIT
"$bin/initdb" -D "$dir/data" -U postgres -E UTF8 --locale=C --auth=scram-sha-256 --pwfile="$dir/password" --no-sync || exit
up() {
  "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 -o "-p $port -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories='' -c fsync=off -c full_page_writes=off -c max_connections=200" start || { cat "$dir/log"; exit 1; }
}
down() { "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1; }
up
echo "the server is as asked"
while read -r order; do
  case $order in
  stop) down ;;
  start) up >/dev/null ;;
  restart) down; up >/dev/null ;;
  esac
  echo "the server is as asked"
done
`

func startPrivate() (*server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "convsync-pgtest-")
	if err != nil {
		return nil, err
	}
	password := rand.Text()
	s := &server{url: "postgres://postgres:" + password + "@127.0.0.1:" + port + "/postgres?sslmode=disable"}
	cmd := exec.Command("sh", "-c", supervise, "sh", bin, dir, port)
	cmd.Dir = dir
	err = os.WriteFile(filepath.Join(dir, "password"), []byte(password), 0o600)
	if err == nil {
		cmd.SysProcAttr, err = serverUser(dir)
	}
	if err == nil {
		err = s.launch(cmd)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// launch starts the supervisor and waits until the server is ready.
func (s *server) launch(cmd *exec.Cmd) (err error) {
	if s.stdin, err = cmd.StdinPipe(); err != nil {
		return err
	}
	output, w, err := os.Pipe()
	if err != nil {
		return err
	}
	s.output, s.lines = output, bufio.NewScanner(output)
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Start()
	w.Close() //nolint:errcheck // the supervisor has its own
	if err != nil {
		return errors.Join(err, output.Close())
	}
	s.wait = cmd.Wait
	if err = s.ready(); err != nil {
		s.stop()
	}
	return err
}

// ready waits until the supervisor has done what it was told.
func (s *server) ready() error {
	var said []string
	for s.lines.Scan() {
		if s.lines.Text() == "the server is as asked" {
			return nil
		}
		said = append(said, s.lines.Text())
	}
	return fmt.Errorf("the server did not start:\n%s", strings.Join(said, "\n"))
}

// order is restart, stop (at once, as a crash does) or start.
func (s *server) order(word string) error {
	if _, err := io.WriteString(s.stdin, word+"\n"); err != nil {
		return err
	}
	return s.ready()
}

func (s *server) stop() {
	s.stdin.Close()  //nolint:errcheck // the supervisor notices either way
	s.wait()         //nolint:errcheck // nothing is left to be done
	s.output.Close() //nolint:errcheck // only read from
}

// freePort finds a port that nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), l.Close()
}

// binaries finds the folder of the server's programs.
func binaries() (string, error) {
	var folders []string
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		folders = append(folders, strings.TrimSpace(string(out)))
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		folders = append(folders, filepath.Dir(path))
	}
	for _, usual := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin"} {
		found, _ := filepath.Glob(usual)
		folders = append(folders, found...)
	}
	for _, dir := range folders {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("initdb was not found")
}
