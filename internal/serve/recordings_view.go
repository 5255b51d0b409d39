package serve

import (
	"time"

	"convsync/internal/plural"
	"convsync/internal/warehouse"
)

// recordingsView is the section of recordings.
type recordingsView struct {
	Read     moment // when they were last counted; zero: not yet
	StoreErr error  // why copies cannot be stored
	Projects []recordedView
}

// recordedView is a row of its table.
type recordedView struct {
	RecordedState
	Feed   string // the section of its feed; "": the page has none
	Size   string // of the stored copies
	Left   int64  // the backlog
	Oldest moment
	Access string // of the key to raw recordings
}

// newRecordingsView returns nil if no project has its recordings checked or stored.
func (p *page) newRecordingsView(s *snapshot, o *Options) *recordingsView {
	if len(o.Recordings.Projects) == 0 {
		return nil
	}
	v := &recordingsView{Read: momentOf(s.recorded.at, p.now, time.UTC), StoreErr: s.store.err}
	for _, state := range s.recorded.states {
		row := recordedView{RecordedState: state, Size: plural.Size(state.Counts.StoredBytes), Access: PIIAccess(&state.State)}
		var oldest warehouse.Timestamp
		row.Left, oldest = state.Backlog()
		row.Oldest = stampOf(oldest, p.now, time.UTC)
		if feeds := p.feedsOf(state.ProjectID); len(feeds) > 0 {
			row.Feed = feeds[0].ID
		}
		v.Projects = append(v.Projects, row)
	}
	return v
}

// judgeRecordings lists the problems with recordings. They are not urgent, because
// conversations are complete without them.
func (p *page) judgeRecordings(s *snapshot) (problems []problem) {
	if s.store.err != nil {
		problems = append(problems, problem{
			Level:   levelLook,
			What:    "Recordings cannot be stored: " + s.store.err.Error(),
			Since:   momentOf(s.store.failing, p.now, time.UTC),
			Do:      "Check that the folder `audio.store` is mounted, writable and not full. Until then, recordings are checked only, and copies wait in the backlog.",
			Runbook: runbookRecordingStore,
		})
	}
	if s.recorded.err != nil {
		problems = append(problems, problem{
			Level: levelLook, What: "The numbers of recordings are not up to date: " + s.recorded.err.Error(),
			Do: "No data is affected. They are read again within a few minutes.",
		})
	}
	return problems
}

// PIIAccess says whether a project's key may read raw recordings.
func PIIAccess(s *warehouse.RecordingState) string {
	switch s.PIIAccess {
	case warehouse.PIIAccessYes:
		return "yes"
	case warehouse.PIIAccessNoneSeen:
		return "none seen"
	}
	return "not known"
}
