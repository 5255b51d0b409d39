package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"time"
)

// runCommand delivers a message with a command. Its output is discarded, because
// it may contain data that must not be logged.
func runCommand(ctx context.Context, command string, env []string, m *Message) error {
	shell, flag := "sh", "-c"
	if runtime.GOOS == "windows" {
		shell, flag = "cmd", "/C"
	}
	cmd := exec.CommandContext(ctx, shell, flag, command)
	cmd.WaitDelay = time.Second                                   // for a grandchild that keeps the pipe open
	cmd.Stdin = bytes.NewReader(append(m.body(FormatJSON), '\n')) // a line, as tools expect
	problems, recoveries := m.count()
	cmd.Env = append(slices.Clone(env), "CONVSYNC_TEXT="+m.Text,
		"CONVSYNC_REPORT="+m.reportFile(), "CONVSYNC_PROBLEMS="+strconv.Itoa(problems), "CONVSYNC_RECOVERIES="+strconv.Itoa(recoveries))
	err := cmd.Run()
	switch exit := (*exec.ExitError)(nil); {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("the command did not finish within %s", tryTimeout)
	case errors.As(err, &exit):
		return fmt.Errorf("the command failed with exit code %d; run it manually to see its output", exit.ExitCode())
	case err != nil:
		return fmt.Errorf("the command could not be run: %w", err)
	}
	return nil
}
