package panics

import (
	"errors"
	"fmt"
	"path"
	"runtime"
	"runtime/debug"
	"strings"
)

// Error is a panic that was turned into an error. The panic's value may
// contain personal data, so only messages of the Go runtime are included.
type Error struct {
	What  string // message of the runtime, or the type of the value
	Where string // file and line
	Stack []byte
}

func (e *Error) Error() string { return e.What + " at " + e.Where }

// Recover turns a panic into an [*Error]; it must be deferred. Without it, a
// panic in a goroutine ends the process and all other work in it.
func Recover(err *error) {
	value := recover()
	if value == nil {
		return
	}
	recovered := &Error{What: fmt.Sprintf("panic with a %T", value), Where: panicLocation(), Stack: debug.Stack()}
	if said, ok := value.(runtime.Error); ok {
		recovered.What = "panic: " + said.Error()
	}
	*err = recovered
}

// LogArgs returns an error for a log, with the stack if it is a panic.
func LogArgs(err error) []any {
	args := []any{"error", err.Error()}
	if caught := (*Error)(nil); errors.As(err, &caught) {
		args = append(args, "stack", string(caught.Stack))
	}
	return args
}

// panicLocation returns file and line of the panic that is being recovered.
func panicLocation() string {
	callers := make([]uintptr, 32)
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers)])
	for raised := false; ; {
		frame, more := frames.Next()
		inRuntime := strings.HasPrefix(frame.Function, "runtime.")
		if raised && !inRuntime {
			return fmt.Sprintf("%s:%d", path.Base(frame.File), frame.Line)
		}
		raised = raised || inRuntime
		if !more {
			return "an unknown place"
		}
	}
}
