package parquet

import (
	"slices"
	"sync"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// pendingResults are the results of a project that no writer has merged into the
// tables yet. It is not changed once it is made.
type pendingResults struct {
	names []string // of the files, in order
	files map[string]*resultsFile
	state *warehouse.RecordingState // the last one; nil: none
	byID  map[string][]*load.RecordingResult
	days  map[day]bool // of the conversations, when their results were recorded
}

// pendings caches the pending results of each project, because a first load may
// take hours until it merges them.
type pendings struct {
	mu       sync.Mutex
	projects map[string]*pendingResults
}

// pending reads the pending results of a project. Results that are merged into
// the tables meanwhile may still be among them, which changes nothing: so read
// them before the tables. A file that cannot be read is left out; the writer that
// merges the others moves it to the quarantine.
func (l *Lake) pending(project string) (*pendingResults, error) {
	names, err := l.resultsNames(project)
	if err != nil {
		return nil, err
	}
	l.pendings.mu.Lock()
	defer l.pendings.mu.Unlock()
	old := l.pendings.projects[project]
	if old != nil && slices.Equal(old.names, names) {
		return old, nil
	}
	p := &pendingResults{names: names, files: map[string]*resultsFile{}, byID: map[string][]*load.RecordingResult{}, days: map[day]bool{}}
	for _, name := range names {
		if old != nil && old.files[name] != nil {
			p.add(old.files[name])
			continue
		}
		f, err := l.readResults(project, name)
		switch {
		case isPassing(err):
			return nil, err
		case err == nil:
			p.add(f)
		}
	}
	if l.pendings.projects == nil {
		l.pendings.projects = map[string]*pendingResults{}
	}
	l.pendings.projects[project] = p
	return p, nil
}

func (p *pendingResults) add(f *resultsFile) {
	p.files[f.name] = f
	if f.state != nil {
		p.state = f.state
	}
	for i := range f.results {
		r := &f.results[i]
		p.byID[r.ConversationID] = append(p.byID[r.ConversationID], r)
		p.days[dayOf(r.StartedAt)] = true
	}
}

// has reports whether a partition may have conversations with pending results.
func (p *pendingResults) has(part partition) bool {
	for d := range p.days {
		if part.has(d) {
			return true
		}
	}
	return false
}
