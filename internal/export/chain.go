package export

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// chained is a finished export, as others refer to it.
type chained struct {
	Previous           // how the next export refers to it
	before   *Previous // that it refers to
	at       time.Time
}

// readChained reads the manifest of an export; nil if the folder has none, or the
// export is not finished.
func readChained(path string) (*chained, error) {
	if _, err := os.Lstat(filepath.Join(path, stateFile)); err == nil {
		return nil, nil
	}
	f, err := os.Open(filepath.Join(path, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	m, err := readManifest(f, nil)
	if err != nil {
		return nil, nil //nolint:nilerr // another program's manifest.json
	}
	if _, err := f.Seek(0, 0); err != nil {
		return nil, err
	}
	sum, _, err := hashOf(f)
	if err != nil {
		return nil, err
	}
	return &chained{
		Previous: Previous{Folder: filepath.Base(path), ExportID: m.ExportID, ManifestSHA256: sum},
		before:   m.Previous,
		at:       m.CreatedAt,
	}, nil
}

// exportsIn reads the finished exports in the folders of a folder, oldest first.
func exportsIn(parent string) ([]*chained, error) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return nil, err
	}
	var found []*chained
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		c, err := readChained(filepath.Join(parent, e.Name()))
		if err != nil && !errors.Is(err, fs.ErrPermission) { // a folder of someone else
			return nil, err
		}
		if c != nil {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(a, b *chained) int {
		return cmp.Or(a.at.Compare(b.at), strings.Compare(a.ExportID, b.ExportID))
	})
	return found, nil
}

// findPrevious returns the export that a new one in a folder follows: the named one,
// else the newest next to it; nil if there is none.
func findPrevious(dir, after string) (*Previous, error) {
	if after != "" {
		c, err := readChained(after)
		if err == nil && c == nil {
			err = errors.New(after + " is not a finished export: name the folder of the export before this one")
		}
		if err != nil {
			return nil, err
		}
		return &c.Previous, nil
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	others, err := exportsIn(filepath.Dir(absolute))
	if err != nil || len(others) == 0 {
		return nil, err
	}
	followed := map[string]bool{}
	for _, e := range others {
		if e.before != nil {
			followed[e.before.ExportID] = true
		}
	}
	// The end of the chain, also if the clock was moved back. Every export can be
	// followed only if someone changed a manifest.
	newest := others[len(others)-1]
	for _, e := range others {
		if !followed[e.ExportID] {
			newest = e
		}
	}
	return &newest.Previous, nil
}
