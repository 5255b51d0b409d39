package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"convsync/internal/config"
	"convsync/internal/plural"
	"convsync/internal/recordings/store"
	"convsync/internal/serve"
)

// recordingsStatus is the state of the recordings of a project, whose recordings are
// checked or stored.
type recordingsStatus struct {
	ProjectID string `json:"project_id"`
	Mode      string `json:"mode"` // check or store
	Available int64  `json:"available"`
	Missing   int64  `json:"missing"`
	Forbidden int64  `json:"forbidden"`
	Failed    int64  `json:"failed"`
	Unknown   int64  `json:"unknown"`
	Stored    int64  `json:"stored"`
	Bytes     int64  `json:"stored_bytes"`
	// Backlog is the number of recordings that are left to check or, in mode store,
	// to store. Oldest is the start of the oldest conversation among them.
	Backlog    int64      `json:"backlog"`
	Oldest     *time.Time `json:"backlog_oldest"`
	AgeSeconds *float64   `json:"backlog_age_seconds"`
	// PIIAccess is yes if the key may read raw recordings, none_seen if all compared
	// pairs were equal, and null if none was compared.
	PIIAccess *string    `json:"pii_access"`
	CheckedAt *time.Time `json:"pii_checked_at"`
	Compared  int64      `json:"pii_compared"`
	LastRun   *time.Time `json:"last_run_at"`

	access string // as on the page
}

// statusRecordings returns the recordings of projects that are checked or stored. The
// store is only looked at, and nothing is written to it.
func statusRecordings(ctx context.Context, cfg *config.Config, projects []config.Project, reader serve.RecordingReader) serve.Recordings {
	return serve.Recordings{
		Projects: recordedProjects(projects),
		Reader:   reader,
		Store: func() (bool, error) {
			return true, cmp.Or(store.Check(cfg.Recordings.Store), storeIsAway(ctx, cfg, reader))
		},
	}
}

// recordedProjects returns the projects whose recordings are checked or stored.
func recordedProjects(projects []config.Project) (recorded []serve.RecordedProject) {
	for i := range projects {
		if p := &projects[i]; p.Audio.IsRequested() {
			recorded = append(recorded, serve.RecordedProject{
				ProjectID: p.StoredID,
				Store:     p.Audio.Mode == config.AudioStore,
				Kinds:     policyOf(&p.Audio).Kinds,
			})
		}
	}
	return recorded
}

// addRecordings reads the state of the recordings, and returns why copies cannot be
// stored, as far as that is known.
func (r *statusReport) addRecordings(ctx context.Context, recordings *serve.Recordings, now time.Time) (storeErr error, err error) {
	states, err := recordings.Read(ctx)
	if err != nil {
		return nil, err
	}
	for i := range states {
		r.Recordings = append(r.Recordings, newRecordingsStatus(&states[i], now))
	}
	if storeErr = recordings.StoreErr(); storeErr != nil {
		r.StoreError = storeErr.Error()
	}
	return storeErr, nil
}

func newRecordingsStatus(state *serve.RecordedState, now time.Time) recordingsStatus {
	c := &state.Counts
	s := recordingsStatus{
		ProjectID: state.ProjectID,
		Mode:      state.Mode(),
		Available: c.Available,
		Missing:   c.Missing,
		Forbidden: c.Forbidden,
		Failed:    c.Failed,
		Unknown:   c.Unknown,
		Stored:    c.Stored,
		Bytes:     c.StoredBytes,
		Compared:  state.State.Compared,
		CheckedAt: moment(state.State.PIICheckedAt.V),
		LastRun:   moment(state.State.LastRunAt.V),
		access:    serve.PIIAccess(&state.State),
	}
	if access := string(state.State.PIIAccess); access != "" {
		s.PIIAccess = &access
	}
	left, oldest := state.Backlog()
	s.Backlog, s.Oldest = left, moment(oldest)
	if s.Oldest != nil {
		age := now.Sub(*s.Oldest).Seconds()
		s.AgeSeconds = &age
	}
	return s
}

func (s *recordingsStatus) print(w io.Writer, now time.Time) {
	fmt.Fprintf(w, "%s: recordings, mode %s\n", s.ProjectID, s.Mode)
	fmt.Fprintf(w, "  available         %d\n", s.Available)
	fmt.Fprintf(w, "  not available     %d missing, %d forbidden, %d failed\n", s.Missing, s.Forbidden, s.Failed)
	fmt.Fprintf(w, "  unknown           %d\n", s.Unknown)
	fmt.Fprintf(w, "  stored            %d (%s)\n", s.Stored, plural.Size(s.Bytes))
	fmt.Fprintf(w, "  backlog           %d", s.Backlog)
	if s.Oldest != nil {
		fmt.Fprintf(w, ", the oldest from %s", withAge(s.Oldest, now))
	}
	fmt.Fprintf(w, "\n  PII access        %s", s.access)
	if s.Compared > 0 {
		fmt.Fprintf(w, " (%s of raw and redacted recordings compared)", plural.Count(s.Compared, "pair"))
	}
	fmt.Fprintln(w)
}
