package recordings

import (
	"context"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// repair makes the rows of lost and altered files name no copy, after altered files
// were moved to the quarantine. If it is interrupted in between, such a file is lost,
// and the next repair continues with that.
func (v *verifier) repair(ctx context.Context, findings []Finding) error {
	moved := map[string]string{} // two versions may share a file
	var results []load.RecordingResult
	for i := range findings {
		f := &findings[i]
		if f.Kind == UnreadableRecording {
			continue
		}
		if to, done := moved[f.Path]; done {
			f.MovedTo = to
		} else if f.Kind == AlteredRecording {
			var err error
			if f.MovedTo, err = v.turn.folder.Quarantine(f.Path); err != nil {
				return err
			}
			moved[f.Path] = f.MovedTo
		}
		results = append(results, forget(f.row))
	}
	if err := v.turn.folder.Sync(); err != nil {
		return err
	}
	if err := v.turn.buffer.add(ctx, results...); err != nil {
		return err
	}
	if err := v.turn.buffer.finish(ctx); err != nil {
		return err
	}
	for i := range findings {
		if f := &findings[i]; f.Kind != UnreadableRecording {
			v.options.Log.Warn("the copy of a recording was lost or altered; the next run stores it again", "project", v.options.ProjectID,
				"kind", f.Kind, "file", f.Path, "sha256", f.SHA256, "found_sha256", f.FoundSHA256, "moved_to", f.MovedTo)
		}
	}
	return nil
}

// forget returns the result that a copy is gone.
func forget(row *copyRow) load.RecordingResult {
	return load.RecordingResult{
		AudioReference: warehouse.AudioReference{
			ProjectID:      row.feed.ProjectID,
			ConversationID: row.ConversationID,
			Direction:      row.Direction,
			Redacted:       row.Redacted,
			StartedAt:      row.startedAt,
			Availability:   warehouse.AudioUnknown, // has no effect without checked_at
			StoredURI:      warehouse.Text(row.uri),
		},
		Forget: true,
	}
}
