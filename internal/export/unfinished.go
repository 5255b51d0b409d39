package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/google/uuid"
)

// stateFile marks a folder with an export that is not finished.
const stateFile = ".convsync-export.json"

// unfinished is the state file.
type unfinished struct {
	Format   string  `json:"format"`
	ExportID string  `json:"export_id"`
	Request  Request `json:"request"`
}

// NotEmptyError reports that the folder of an export has other content.
type NotEmptyError struct{ Path, Why string }

func (e *NotEmptyError) Error() string {
	return fmt.Sprintf("the folder %s is not empty%s; choose another folder", e.Path, e.Why)
}

// begin starts an export in an empty folder, or continues the same one.
func (f *folder) begin(path string, previous func() (*Previous, error), r Request) (state *unfinished, continued bool, err error) {
	state, err = f.readState(path)
	if err != nil {
		return nil, false, err
	}
	if state != nil {
		// An export that was finished meanwhile does not change what this one follows.
		if r.Previous = state.Request.Previous; !sameRequest(&r, &state.Request) {
			return nil, false, &NotEmptyError{path, ": it has an unfinished export with other options; repeat the command that began it, or remove the folder to start again"}
		}
		return state, true, f.clear()
	}
	if r.Previous, err = previous(); err != nil {
		return nil, false, err
	}
	state = &unfinished{Format: manifestFormat, ExportID: uuid.NewString(), Request: r}
	if err := f.clear(); err != nil {
		return nil, false, err
	}
	_, err = f.write(stateFile, func(w io.Writer) error { return json.NewEncoder(w).Encode(state) })
	return state, false, errors.Join(err, f.sync())
}

func sameRequest(a, b *Request) bool {
	first, _ := json.Marshal(a) // neither has a value that JSON lacks
	second, _ := json.Marshal(b)
	return bytes.Equal(first, second)
}

// readState returns the state of an unfinished export; nil if the folder is empty.
func (f *folder) readState(path string) (*unfinished, error) {
	text, err := f.root.ReadFile(stateFile)
	if errors.Is(err, fs.ErrNotExist) {
		entries, err := fs.ReadDir(f.root.FS(), ".")
		if err != nil {
			return nil, err
		}
		why, isEmpty := "", true
		for _, e := range entries {
			isEmpty = isEmpty && e.Name() == partFolder // an export that was killed at its start
			if e.Name() == manifestFile {
				why = ": it has a finished export"
			}
		}
		if isEmpty {
			return nil, nil
		}
		return nil, &NotEmptyError{path, why}
	}
	if err != nil {
		return nil, err
	}
	state := &unfinished{}
	if json.Unmarshal(text, state) != nil || state.Format != manifestFormat {
		return nil, &NotEmptyError{path, ": its " + stateFile + " is not one of this version"}
	}
	return state, nil
}

// finish ends the export.
func (f *folder) finish() error {
	if err := f.step("finish"); err != nil {
		return err
	}
	if err := errors.Join(f.root.RemoveAll(partFolder), f.sync()); err != nil {
		return err
	}
	if err := f.step("remove " + stateFile); err != nil {
		return err
	}
	if err := f.root.Remove(stateFile); err != nil {
		return err
	}
	f.mu.Lock()
	f.dirty["."] = true
	f.mu.Unlock()
	return f.sync()
}
