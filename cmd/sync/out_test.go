package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWriteOut(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file, link := filepath.Join(folder, "report.html"), filepath.Join(folder, "latest.html")
	if err := os.Symlink("report.html", link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, file, link} { // the first one creates the file
		if err := writeOut(path, []byte(path)); err != nil || readFile(t, file) != path {
			t.Errorf("%s: %v, %s", path, err, readFile(t, file))
		}
	}
	if info, err := os.Lstat(link); err != nil || info.Mode().IsRegular() {
		t.Errorf("the link was replaced: %v, %v", info, err)
	}
	for path, want := range map[string]string{
		folder: "cannot write " + folder + ": it is a folder",
		filepath.Join(folder, "missing", "a.html"): "a.html: no such file or directory",
	} {
		if err := writeOut(path, nil); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
