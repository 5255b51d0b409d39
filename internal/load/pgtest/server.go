package pgtest

import (
	"bufio"
	cryptorand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// server is a private server under a supervisor, which runs the command in each
// line of its standard input. When the input ends, by [server.stop] or with this
// process, the supervisor stops the server and deletes its files.
type server struct {
	url      string
	port     string
	password string
	stdin    io.WriteCloser
	output   *os.File
	lines    *bufio.Scanner // of output
	wait     func() error
}

// supervise is a shell script. Its arguments are the folder of the binaries, the
// folder of the data, further options of the server, the URL of the primary to
// copy (or ""), and ports: the server uses the first one that is free when it
// starts. The timeouts of pg_ctl are longer than those of the tests.
const supervise = `
bin=$1 dir=$2 options=$3 primary=$4
shift 4
down() { "$bin/pg_ctl" -D "$dir/data" -m immediate -w -t 3600 stop >/dev/null 2>&1; }
trap 'down; rm -rf "$dir"' EXIT
if [ -n "$primary" ]; then
  "$bin/pg_basebackup" -D "$dir/data" -d "$primary" -R -X stream -c fast --no-sync || exit
else
  "$bin/initdb" -D "$dir/data" -U postgres -E UTF8 --locale=C --auth=scram-sha-256 --pwfile="$dir/password" --no-sync || exit
fi
start() {
  "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 3600 -o "-p $port -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories='' -c fsync=off -c full_page_writes=off -c max_connections=200 $options" start
}
up() { start || { cat "$dir/log"; exit 1; }; }
for port; do
  : >"$dir/log"
  start && break
  grep -q "could not bind" "$dir/log" || break
done
[ -f "$dir/data/postmaster.pid" ] || { cat "$dir/log"; exit 1; }
echo "ready on port $port"
while read -r order; do
  case $order in
  stop) down ;;
  start) up >/dev/null ;;
  restart) down; up >/dev/null ;;
  promote) # a stopped standby, which must not fetch what it lacks
    echo "primary_conninfo = ''" >>"$dir/data/postgresql.auto.conf"
    up >/dev/null
    "$bin/pg_ctl" -D "$dir/data" -w -t 3600 promote >/dev/null || exit ;;
  esac
  echo "ready on port $port"
done
`

func startPrivate() (*server, error) { return startOn(kind{}, somePorts()...) }

// kind says how a server differs from the default one.
type kind struct {
	options string  // for its command line
	primary *server // of which it is a standby; nil: none
}

// startOn starts a server on one of the ports.
func startOn(k kind, ports ...string) (*server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "convsync-pgtest-")
	if err != nil {
		return nil, err
	}
	s := &server{password: cryptorand.Text()}
	primary := ""
	if k.primary != nil {
		s.password, primary = k.primary.password, k.primary.url
	}
	cmd := exec.Command("sh", append([]string{"-c", supervise, "sh", bin, dir, k.options, primary}, ports...)...)
	cmd.Dir = dir
	err = os.WriteFile(filepath.Join(dir, "password"), []byte(verifier(s.password)), 0o600)
	if err == nil {
		cmd.SysProcAttr, err = serverUser(dir)
	}
	if err == nil {
		err = s.launch(cmd)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s.url = "postgres://postgres:" + s.password + "@127.0.0.1:" + s.port + "/postgres?sslmode=disable"
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

// ready waits until the supervisor has run the last command.
func (s *server) ready() error {
	var said []string
	for s.lines.Scan() {
		if port, ok := strings.CutPrefix(s.lines.Text(), "ready on port "); ok {
			s.port = port
			return nil
		}
		said = append(said, s.lines.Text())
	}
	return fmt.Errorf("the server did not start:\n%s", strings.Join(said, "\n"))
}

// order sends a command to the supervisor: restart, stop (immediate, as in a
// crash), start or promote.
func (s *server) order(word string) error {
	if _, err := io.WriteString(s.stdin, word+"\n"); err != nil {
		return err
	}
	return s.ready()
}

func (s *server) stop() {
	s.stdin.Close()  //nolint:errcheck // the supervisor notices either way
	s.wait()         //nolint:errcheck // there is nothing left to do
	s.output.Close() //nolint:errcheck // only read from
}

// somePorts returns ports that are free now. They are outside the range of
// ephemeral ports, so that other programs rarely take one before the server does
// or while it is stopped.
func somePorts() (ports []string) {
	for range 1000 {
		port := strconv.Itoa(10_000 + rand.IntN(22_000))
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			l.Close() //nolint:errcheck // there are no connections
			ports = append(ports, port)
		}
		if len(ports) == 20 {
			break
		}
	}
	return ports
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
