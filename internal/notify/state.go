package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// load reads the state file. A damaged file must not prevent the sync from
// starting: open problems are then reported again.
func (n *Notifier) load() error {
	if n.options.StatePath == "" {
		return nil
	}
	data, err := os.ReadFile(n.options.StatePath)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("read the notification state: %w", err)
	}
	var found state
	if err := json.Unmarshal(data, &found); err != nil || slices.Contains(found.Incidents, nil) {
		n.log.Warn("the notification state is damaged and was reset: open problems are reported again", "file", n.options.StatePath)
		return nil
	}
	n.state, n.saved = found, data
	return nil
}

// save writes the state file if it changed. If that fails, the notifier continues.
func (n *Notifier) save(ctx context.Context) {
	if n.options.StatePath == "" {
		return
	}
	data, err := json.MarshalIndent(&n.state, "", "  ")
	if err == nil && !bytes.Equal(data, n.saved) {
		err = replace(n.options.StatePath, data)
	}
	if err != nil {
		n.log.ErrorContext(ctx, "cannot save the notification state: after a restart, problems are reported again", "error", err.Error())
		return
	}
	n.saved = data
}

// replace replaces a file atomically and durably; only its owner can read it.
func replace(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil // it cannot sync folders, and need not
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
