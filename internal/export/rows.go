package export

import (
	"cmp"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// The reasons that the export gives by itself.
const (
	reasonNotChecked  = "not_checked"
	reasonNotFound    = "not_found"
	reasonNotEnlisted = "not_enlisted" // no reference of the requested version exists
	reasonInProgress  = "in_progress"
	reasonLost        = "lost_recording"    // the stored copy is gone
	reasonAltered     = "altered_recording" // the stored copy has other bytes
)

// reasons are given for an availability whose reference gives none.
var reasons = map[string]warehouse.Text{
	warehouse.AudioUnknown:   reasonNotChecked,
	warehouse.AudioMissing:   reasonNotFound,
	warehouse.AudioForbidden: warehouse.AudioForbidden,
	warehouse.AudioFailed:    warehouse.AudioFailed,
}

// rowsOf calls each with every row of a conversation, which is reused, and with its
// reference if the recording may be complete: that of a call in progress is not.
func (o *Options) rowsOf(c *load.RecordedConversation, each func(*warehouse.ExportedRecording, *warehouse.AudioReference) error) error {
	row := warehouse.ExportedRecording{}
	found := false
	for i := range c.Recordings {
		a := &c.Recordings[i]
		if o.Filter.Redacted != nil && *o.Filter.Redacted != a.Redacted {
			continue
		}
		found = true
		o.fillConversation(&row, c)
		fillReference(&row, a)
		if c.Lifecycle == warehouse.LifecycleOpen {
			a = nil
		}
		if err := each(&row, a); err != nil {
			return err
		}
	}
	if found {
		return nil
	}
	o.fillConversation(&row, c)
	row.Availability, row.Reason = warehouse.AudioNone, reasonNotEnlisted
	if c.Lifecycle == warehouse.LifecycleOpen {
		row.Reason = reasonInProgress
	}
	if o.Filter.Redacted != nil {
		row.Redacted = warehouse.Some(*o.Filter.Redacted)
	}
	return each(&row, nil)
}

// fillConversation makes a row with the columns of the conversation only.
func (o *Options) fillConversation(row *warehouse.ExportedRecording, c *load.RecordedConversation) {
	*row = warehouse.ExportedRecording{
		ProjectID:       c.ProjectID,
		Environment:     c.Environment,
		ConversationID:  c.ConversationID,
		StartedAt:       c.StartedAt,
		DurationSeconds: c.TotalDurationSeconds,
		Channel:         c.Channel,
		CallDirection:   c.Direction,
		FromNumber:      c.FromNumber,
		ToNumber:        c.ToNumber,
		MissingSince:    c.MissingSince,
		RunID:           c.RunID,
	}
	if !o.ShowNumbers {
		row.FromNumber, row.ToNumber = maskNumber(c.FromNumber), maskNumber(c.ToNumber)
	}
}

func fillReference(row *warehouse.ExportedRecording, a *warehouse.AudioReference) {
	row.AudioDirection, row.Redacted = warehouse.Text(a.Direction), warehouse.Some(a.Redacted)
	row.RedactionEvidence = a.RedactionEvidence
	row.Availability, row.CheckedAt = a.Availability, a.CheckedAt
	row.Reason = cmp.Or(a.Reason, reasons[a.Availability])
	row.SizeBytes, row.RecordingSeconds = a.SizeBytes, a.DurationSeconds
	row.SampleRateHz, row.Channels, row.Codec = a.SampleRateHz, a.Channels, a.Codec
	row.SHA256, row.StoredURI, row.StoredAt = a.SHA256, a.StoredURI, a.StoredAt
	row.URL = a.URL
}

// keep returns a copy of a row whose text does not belong to its reader.
func keep(row *warehouse.ExportedRecording) *warehouse.ExportedRecording {
	kept := *row
	for i := range warehouse.ExportedRecordings.Columns {
		switch f := warehouse.ExportedRecordings.Columns[i].Ref(&kept).(type) {
		case *string:
			*f = strings.Clone(*f)
		case *warehouse.Text:
			*f = warehouse.Text(strings.Clone(string(*f)))
		}
	}
	return &kept
}

// count adds one to the counter of a name, which belongs to a reader.
func count(counts map[string]int64, name string) {
	if n, known := counts[name]; known {
		counts[name] = n + 1
	} else {
		counts[strings.Clone(name)] = 1
	}
}
