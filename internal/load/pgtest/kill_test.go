package pgtest_test

import (
	"bufio"
	"net"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"convsync/internal/load/pgtest"
)

const child = "CONVSYNC_PGTEST_CHILD=1"

// The test below starts this one in a process of its own.
func TestChild(t *testing.T) {
	if !slices.Contains(os.Environ(), child) {
		return
	}
	os.Stdout.WriteString("\nserver " + pgtest.URL(t) + "\n")
	select {}
}

func TestURL_KilledProcess(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "CONVSYNC_TEST_POSTGRES_URL=") // a private server, whatever is set
	}), child)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var host string
	for lines := bufio.NewScanner(out); host == "" && lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "server "); ok {
			u, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			host = u.Host
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			return // gone, or the test runs into its time limit
		}
		conn.Close()
	}
}
