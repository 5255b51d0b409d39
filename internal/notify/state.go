package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"convsync/internal/atomicfile"
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
	if err := json.Unmarshal(data, &found); err != nil || slices.Contains(found.Incidents, nil) || slices.Contains(found.Reports, nil) {
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
		err = atomicfile.Write(n.options.StatePath, data)
	}
	if err != nil {
		n.log.ErrorContext(ctx, "cannot save the notification state: after a restart, problems are reported again", "error", err.Error())
		return
	}
	n.saved = data
}
