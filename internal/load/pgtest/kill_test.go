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

// TestChild is run by [TestURL_KilledProcess] in a separate process.
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
		return strings.HasPrefix(entry, "CONVSYNC_TEST_POSTGRES_URL=") // use a private server
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
			return // the server has ended; otherwise the test times out
		}
		conn.Close()
	}
}
