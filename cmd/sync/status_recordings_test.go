package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"convsync/internal/config"
	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/memory"
	"convsync/internal/pipeline"
	"convsync/internal/warehouse"
)

// recordedIn stores three conversations: a recording is stored, one is available,
// and one was not found. It returns their project.
func recordedIn(t *testing.T, d *memory.Destination, start time.Time) (project string) {
	t.Helper()
	project = "acme-team-4"
	claim, err := d.ClaimRecordings(t.Context(), load.Owner{RunID: "run-1"}, project)
	if err != nil {
		t.Fatal(err)
	}
	var results []load.RecordingResult
	for i, availability := range []string{warehouse.AudioAvailable, warehouse.AudioAvailable, warehouse.AudioMissing} {
		id := string(rune('a' + i))
		rows := loadtest.Conversation(project, id, start.Add(time.Duration(i)*time.Hour))
		rows.Audio = nil
		d.Edit(func(data *memory.Data) { data.Conversations[memory.ID{project, id}] = rows })
		reference := warehouse.AudioReference{
			ProjectID:      project,
			ConversationID: id,
			Direction:      "combined",
			Redacted:       true,
			Availability:   availability,
			StartedAt:      rows.Conversation.StartedAt,
			CheckedAt:      warehouse.Some(warehouse.TimestampOf(start)),
		}
		if i == 0 {
			reference.StoredURI, reference.StoredAt, reference.SizeBytes = "a.wav", reference.CheckedAt, warehouse.Some[int64](20_140_000)
		}
		results = append(results, load.RecordingResult{AudioReference: reference})
	}
	state := &warehouse.RecordingState{ProjectID: project, PIIAccess: warehouse.PIIAccessNoneSeen, Compared: 5}
	if _, err := claim.Record(t.Context(), results, state); err != nil {
		t.Fatal(err)
	}
	return project
}

func TestStatus_Recordings(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	d := memory.New()
	project := recordedIn(t, d, now.Add(-50*time.Hour))
	cfg := &config.Config{Destination: config.Destination{Parquet: &config.Parquet{Path: "lake"}}}
	stored := config.Audio{Mode: config.AudioStore, Directions: []string{"combined"}, Redacted: config.RedactedTrue}
	projects := []config.Project{
		{StoredID: project, Environments: []string{"live"}, Start: now.Add(-100 * time.Hour), Audio: stored},
		{StoredID: "acme-team-5", Audio: config.Audio{Mode: config.AudioReference}},
	}
	cfg.Recordings.Store = filepath.Join(t.TempDir(), "file")
	writeFile(t, cfg.Recordings.Store, "not a folder")
	problem := "the recordings store " + cfg.Recordings.Store + " is not available: lstat " + cfg.Recordings.Store + "/.: not a directory"
	run := warehouse.SyncRun{
		RunID:     "run-2",
		Kind:      pipeline.KindAudio,
		Status:    warehouse.RunSucceeded,
		StartedAt: warehouse.TimestampOf(now.Add(-time.Hour)),
		Requests:  3,
	}
	d.Edit(func(data *memory.Data) { data.Runs = append(data.Runs, run) })
	sources := statusSources{d, statusRecordings(t.Context(), cfg, projects, d)}
	report, err := collectStatus(t.Context(), cfg, projects, sources, now)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := report.print(&text, now); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Recordings cannot be stored: " + problem, "docs/runbooks/ConvsyncRecordingsStoreUnavailable.md",
		"audio  succeeded  3 requests  ",
		project + ": recordings, mode store\n  available         2\n  not available     1 missing, 0 forbidden, 0 failed\n  unknown           0\n" +
			"  stored            1 (20 MB)\n  backlog           1, the oldest from 2026-03-02T11:00:00Z (2 days 1 h ago)\n" +
			"  PII access        none seen (5 pairs of raw and redacted recordings compared)\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("status lacks %q:\n%s", want, &text)
		}
	}
	out, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"recordings":[{"project_id":"acme-team-4","mode":"store","available":2,"missing":1,"forbidden":0,"failed":0,"unknown":0,"stored":1,"stored_bytes":20140000,` +
			`"backlog":1,"backlog_oldest":"2026-03-02T11:00:00Z","backlog_age_seconds":176400,"pii_access":"none_seen","pii_checked_at":null,"pii_compared":5,"last_run_at":null}]`,
		`"recordings_store_error":"` + problem,
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the JSON lacks %s:\n%s", want, out)
		}
	}
	projects[0].Audio.Mode = config.AudioOff
	sources.recordings = statusRecordings(t.Context(), cfg, projects, d)
	if report, err = collectStatus(t.Context(), cfg, projects, sources, now); err != nil || len(report.Recordings) > 0 || report.StoreError != "" {
		t.Errorf("without a mode, status has the recordings %+v, %v", report.Recordings, err)
	}
}
