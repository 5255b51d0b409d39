package extract

import (
	"fmt"
	"path"
	"runtime"
	"runtime/debug"
	"strings"
)

// PanicError is a panic that was caught. What it was called with may be
// anything, a transcript too, and is kept only where the runtime worded it.
type PanicError struct {
	What  string
	Where string // file and line
	Stack []byte
}

func (e *PanicError) Error() string { return e.What + " at " + e.Where }

// Caught, deferred, makes an error of a panic: in a goroutine of its own it
// would else end the process, and with it what has nothing to do with it.
func Caught(err *error) {
	value := recover()
	if value == nil {
		return
	}
	caught := &PanicError{What: fmt.Sprintf("panic with a %T", value), Where: panickedAt(), Stack: debug.Stack()}
	if said, ok := value.(runtime.Error); ok {
		caught.What = "panic: " + said.Error()
	}
	*err = caught
}

// panickedAt is the place of a panic, asked for while it is recovered.
func panickedAt() string {
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
			return "a place that is not known"
		}
	}
}
