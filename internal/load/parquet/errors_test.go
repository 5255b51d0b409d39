package parquet

import (
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

func TestFailed_Hint(t *testing.T) {
	t.Parallel()
	for cause, hint := range map[error]string{
		syscall.ENOSPC: "free some space", syscall.EROFS: "let the user of convsync write", fs.ErrPermission: "let the user of convsync write",
	} {
		err := failed("cannot write to the lake /lake", &fs.PathError{Op: "write", Path: "/lake/x", Err: cause})
		if !strings.Contains(err.Error(), "/lake") || !strings.Contains(err.Error(), hint) {
			t.Errorf("%v is reported as %q", cause, err)
		}
	}
}
