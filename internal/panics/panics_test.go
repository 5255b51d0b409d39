package panics

import (
	"errors"
	"regexp"
	"testing"
)

func TestRecover(t *testing.T) {
	t.Parallel()
	none := errors.New("none")
	for name, c := range map[string]struct {
		work func()
		want string
	}{
		"value":   {func() { panic("a made-up transcript") }, `^panic with a string at panics_test\.go:\d+$`},
		"runtime": {func() { var list []int; list[len(none.Error())] = 1 }, `^panic: runtime error: index out of range \[4\] with length 0 at panics_test\.go:\d+$`},
		"nothing": {func() {}, `^none$`},
	} {
		err := func() (err error) {
			defer Recover(&err)
			c.work()
			return none
		}()
		if !regexp.MustCompile(c.want).MatchString(err.Error()) {
			t.Errorf("%s: %v", name, err)
		}
		var caught *Error
		if args, panicked := LogArgs(err), errors.As(err, &caught); args[1] != err.Error() || (len(args) == 4) != panicked || panicked && args[3] == "" {
			t.Errorf("%s: logged with %v", name, args)
		}
	}
}
