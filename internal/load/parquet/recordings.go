package parquet

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Results of recordings are stored without the writer's lock: each call of Record
// writes one complete file under _sync/recordings, in a folder for each project.
// The next writer of the project merges them into audio_references and
// sync_recordings when it finishes; see recordings_fold.go. Until then readers
// merge them; see recordings_pending.go.
//
// The first line of a file is the state of the project, or {}. The others are
// results. Names sort in the order in which the files were written.

// resultsSuffix ends the names of complete files.
const resultsSuffix = ".jsonl"

// resultsDir returns the folder with the results of a project.
func resultsDir(project string) string { return recordingsDir + "/" + projectDir(project) }

// recordingResults has the columns of a result.
var recordingResults = resultsTable()

func resultsTable() *warehouse.Table[load.RecordingResult] {
	t := &warehouse.Table[load.RecordingResult]{Name: "recording_results"}
	for _, c := range warehouse.AudioReferences.Columns {
		ref := c.Ref
		t.Columns = append(t.Columns, warehouse.Column[load.RecordingResult]{
			Name: c.Name, Ref: func(r *load.RecordingResult) any { return ref(&r.AudioReference) },
		})
	}
	t.Columns = append(t.Columns, warehouse.Column[load.RecordingResult]{
		Name: "forget", Ref: func(r *load.RecordingResult) any { return &r.Forget },
	})
	return t
}

// resultsFile is a file of results.
type resultsFile struct {
	name    string // relative to the root of the lake
	state   *warehouse.RecordingState
	results []load.RecordingResult
}

// resultsNumber returns the number of a file of that name; 0 if it has none.
func resultsNumber(name string) (n int64) {
	if _, err := fmt.Sscanf(path.Base(name), "%d-", &n); err != nil {
		return 0
	}
	return n
}

// newResultsName returns a name that was never used: the journal of a killed
// writer may still remove an older file.
func (l *Lake) newResultsName(project string, number int64) string {
	return fmt.Sprintf("%s/%012d-%s-%d", resultsDir(project), number, l.token, l.serial.Add(1))
}

// resultsNames lists the complete files of a project, oldest first.
func (l *Lake) resultsNames(project string) (names []string, err error) {
	entries, err := l.files.ReadDir(l.path(resultsDir(project)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, failed("cannot read "+l.path(resultsDir(project)), err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), resultsSuffix) {
			names = append(names, resultsDir(project)+"/"+e.Name())
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(resultsNumber(a), resultsNumber(b)), strings.Compare(a, b))
	})
	return names, nil
}

// encode appends the content of the file.
func (f *resultsFile) encode(dst []byte) (_ []byte, err error) {
	if f.state == nil {
		dst = append(dst, "{}\n"...)
	} else if dst, err = appendLine(dst, &warehouse.SyncRecordings, f.state); err != nil {
		return nil, err
	}
	for i := range f.results {
		if dst, err = appendLine(dst, recordingResults, &f.results[i]); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// readResults reads a file of results of a project.
func (l *Lake) readResults(project, name string) (*resultsFile, error) {
	text, err := l.readFile(l.path(name))
	if err != nil {
		return nil, err
	}
	f := &resultsFile{name: name}
	if !bytes.HasSuffix(text, []byte("\n")) {
		return nil, damaged(l.path(name), errors.New("its last line is incomplete"))
	}
	for i, line := range bytes.Split(text[:len(text)-1], []byte("\n")) {
		if i == 0 {
			state, err := parseLine(&warehouse.SyncRecordings, line)
			if err != nil {
				return nil, damaged(l.path(name), err)
			}
			if state.ProjectID != "" {
				f.state = &state
			}
			continue
		}
		r, err := parseLine(recordingResults, line)
		if err != nil {
			return nil, damaged(l.path(name), err)
		}
		r.ProjectID = project
		f.results = append(f.results, r)
	}
	return f, nil
}

// writeResults writes a file of results, durably, and returns its name.
func (l *Lake) writeResults(project string, number int64, f *resultsFile) error {
	text, err := f.encode(nil)
	if err != nil {
		return err
	}
	l.step("recording results")
	name := l.newResultsName(project, number)
	file, err := l.createResults(project, name)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		l.step("store recording results")
		err = l.files.Rename(l.path(name), l.path(name+resultsSuffix))
	}
	if err != nil {
		_ = l.files.Remove(l.path(name)) // the next claim removes it otherwise
		return err
	}
	return l.files.Sync(l.path(resultsDir(project)))
}

// createResults creates a file, and the folder of the project if it does not
// exist.
func (l *Lake) createResults(project, name string) (file, error) {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	f, err := l.files.OpenFile(l.path(name), flags)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	err = errors.Join(l.mkdirAll(l.path(resultsDir(project))), l.files.Sync(l.path(recordingsDir)), l.files.Sync(l.path(syncDir)))
	if err != nil {
		return nil, err
	}
	return l.files.OpenFile(l.path(name), flags)
}

// mergeResults applies results to the references of a conversation, which are
// ordered by key, and adds those that do not exist. It reports whether anything
// has changed.
func mergeResults(c *warehouse.Conversation, rows []warehouse.AudioReference, results []*load.RecordingResult) (_ []warehouse.AudioReference, changed bool) {
	for _, in := range results {
		at := slices.IndexFunc(rows, func(a warehouse.AudioReference) bool { return a.Direction == in.Direction && a.Redacted == in.Redacted })
		if at >= 0 {
			merged := load.MergeRecording(rows[at], in)
			changed = changed || merged != rows[at]
			rows[at] = merged
			continue
		}
		if in.Forget {
			continue
		}
		added := in.AudioReference
		added.ProjectID, added.ConversationID, added.StartedAt = c.ProjectID, c.ConversationID, c.StartedAt
		added.Availability = cmp.Or(added.Availability, warehouse.AudioUnknown)
		rows, changed = append(rows, added), true
	}
	slices.SortFunc(rows, func(a, b warehouse.AudioReference) int {
		return cmp.Or(strings.Compare(a.Direction, b.Direction), compareBool(a.Redacted, b.Redacted))
	})
	return rows, changed
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
