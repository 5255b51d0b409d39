package main

import (
	"io/fs"
	"os"
	"path/filepath"

	"convsync/internal/config"
	"convsync/internal/load"
	"convsync/internal/load/parquet"
)

// checkExposure notes what other users of this machine can read: files of the
// lake, and files of keys.
func checkExposure(c *checklist, cfg *config.Config, destination load.Destination) {
	if lake, ok := destination.(*parquet.Lake); ok && reachable(cfg.Destination.Parquet.Path) {
		switch path, err := lake.Exposed(); {
		case err != nil:
			c.note("exposure", "parts of the lake could not be checked: %v", err)
		case path != "":
			c.note("exposure", "other users of this machine can read %s: remove their access with chmod -R o-rwx %s, or allow it with destination.parquet.mode",
				path, cfg.Destination.Parquet.Path)
		}
	}
	for _, path := range cfg.SecretFiles() {
		if info, err := os.Stat(path); err == nil && info.Mode()&0o004 != 0 && reachable(filepath.Dir(path)) {
			c.note("exposure", "other users of this machine can read %s, which holds a secret: remove their access with chmod o-rwx %s", path, path)
		}
	}
}

// reachable reports whether other users may enter a folder, and all above it.
func reachable(folder string) bool {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return true
	}
	for {
		if info, err := os.Stat(folder); err == nil && info.Mode()&fs.ModePerm&0o001 == 0 {
			return false
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return true
		}
		folder = parent
	}
}
