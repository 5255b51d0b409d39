//go:build cgo

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"convsync/internal/simulate"
)

// terminal is a program on a terminal of its own.
type terminal struct {
	t     *testing.T
	pty   *os.File
	shown string // since the last wait
}

// onTerminal starts convsync on a terminal of 100 columns.
func onTerminal(t *testing.T, env []string, args ...string) (term *terminal, wait func() int) {
	t.Helper()
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(pty.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(pty.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(pty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 100})
	}
	if err != nil {
		t.Fatal(err)
	}
	side, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd := command(t.Context(), args...)
	cmd.Env = append(append(cmd.Env, "TERM=xterm"), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = side, side, side
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = side.Close()
	t.Cleanup(func() { _ = pty.Close() })
	return &terminal{t: t, pty: pty}, func() int {
		_ = cmd.Wait() // its exit code says the same
		return cmd.ProcessState.ExitCode()
	}
}

// wait reads until the terminal shows a text after the last one.
func (term *terminal) wait(text string) {
	term.t.Helper()
	buffer := make([]byte, 4096)
	for !strings.Contains(term.shown, text) {
		n, err := term.pty.Read(buffer)
		term.shown += string(buffer[:n])
		if err != nil {
			term.t.Fatalf("waiting for %q: %v\n%s", text, err, term.shown)
		}
	}
	_, term.shown, _ = strings.Cut(term.shown, text)
}

// prompt waits until the program reads a line. The editor shows its prompt before it
// takes Ctrl-C as a key: until then the terminal makes a signal of it.
func (term *terminal) prompt(text string) {
	term.t.Helper()
	term.wait(text)
	for {
		mode, err := unix.IoctlGetTermios(int(term.pty.Fd()), unix.TCGETS)
		if err != nil {
			term.t.Fatal(err)
		}
		if mode.Lflag&unix.ISIG == 0 {
			return
		}
		runtime.Gosched()
	}
}

func (term *terminal) press(keys string) {
	term.t.Helper()
	if _, err := term.pty.WriteString(keys); err != nil {
		term.t.Fatal(err)
	}
}

func TestPrompt(t *testing.T) {
	t.Parallel()
	_, server := past(t, 30, 3, simulate.Deviations{})
	lake := inFolder(t, "lake")
	config := configure(t, server.URL, into(lake))
	run(t, config, exitOK)
	state := t.TempDir()
	start := func() (*terminal, func() int) {
		return onTerminal(t, []string{"XDG_STATE_HOME=" + state}, "query", "--config", config, "--set", "n=40")
	}
	term, wait := start()
	term.prompt("convsync> ")
	term.press("SELECT CAST($n AS bigint) + 2\r")
	term.prompt("-> ")
	term.press("AS n;\r")
	term.wait("42")
	term.prompt("convsync> ")
	term.press("SELECT conversaton_id FROM turns;\r")
	term.wait("did you mean conversation_id?")
	term.prompt("convsync> ")
	term.press("\\d fresh\t\r") // Tab completes
	term.wait("covered_until")
	term.prompt("convsync> ")
	term.press("\\dv\r")
	term.wait("freshness")
	term.prompt("convsync> ")
	term.press("\\l slowest-h\t\r")
	term.wait("percentile_disc(0.95)") // the SQL is shown
	term.wait("period: ")
	term.prompt("convsync> ")
	term.press("\\?\r")
	term.wait("show one line for each value instead of a table")
	term.prompt("convsync> ")
	term.press("\\x\r")
	term.wait("answers are shown as one line for each value")
	term.prompt("convsync> ")
	term.press("SELECT 7 AS seven, 8 AS eight;\r")
	term.wait("── 1 ─")
	term.wait("eight  8")
	term.prompt("convsync> ")
	term.press("SELECT sum(a.range * b.range % 7) FROM range(99999999) a, range(9999999) b;\r")
	for { // until the statement has started
		if found, _ := filepath.Glob(filepath.Join(lake, "_sync", "query-*")); len(found) > 0 {
			break
		}
		runtime.Gosched()
	}
	term.press("\x03") // Ctrl-C
	term.wait("stopped")
	term.prompt("convsync> ")
	term.press("SELECT 1 +\r")
	term.prompt("-> ")
	term.press("\x03") // Ctrl-C leaves out the beginning
	term.prompt("convsync> ")
	// Ctrl-P, not the arrow key: the bytes of a key must arrive within 50 ms of each
	// other, which a loaded machine can miss.
	term.press("\x10\x10") // the statement before the last one
	term.wait("eight;")
	term.press("\x15\\q\r") // Ctrl-U clears the line
	if code := wait(); code != exitOK {
		t.Errorf("exit code %d: %s", code, term.shown)
	}

	history := filepath.Join(state, "convsync", "history")
	info, err := os.Stat(history)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if text := readFile(t, history); !strings.Contains(text, "SELECT CAST($n AS bigint) + 2 AS n;\n") {
		t.Errorf("the history is %s", text)
	}
	term, wait = start()
	term.prompt("convsync> ")
	term.press("\x12seven") // Ctrl-R
	term.wait("SELECT 7 AS seven")
	term.press("\r")
	term.wait("eight")
	term.prompt("convsync> ")
	term.press("\x04") // Ctrl-D
	if code := wait(); code != exitOK {
		t.Errorf("exit code %d: %s", code, term.shown)
	}
}
