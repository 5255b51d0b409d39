package export

import (
	"context"
	"io"
	"maps"
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// writer writes the files of one export.
type writer struct {
	folder  *folder
	options *Options
	feed    int    // index of the one that is listed
	payload string // prefix of the names of list, coverage and recordings

	counts   Counts
	runs     map[string]int64
	problems []Problem
	files    []File          // recordings, then the others
	known    map[string]bool // names in files

	list    list
	waiting []pending
}

func newWriter(f *folder, o *Options) *writer {
	w := &writer{
		folder:  f,
		options: o,
		counts:  Counts{ByAvailability: map[string]int64{}, ByEvidence: ByVersion{Redacted: map[string]int64{}, Raw: map[string]int64{}}},
		runs:    map[string]int64{},
		known:   map[string]bool{},
	}
	if o.BagIt {
		w.payload = bagPayload
	}
	return w
}

func (w *writer) sortedRuns() []string {
	runs := slices.AppendSeq([]string{}, maps.Keys(w.runs))
	slices.Sort(runs)
	return runs
}

// writeList writes the list, and copies the recordings of its rows.
func (w *writer) writeList(ctx context.Context, src Source) error {
	file, err := w.folder.write(w.payload+"recordings."+w.options.Format, func(to io.Writer) error {
		var err error
		if w.list, err = newList(w.options.Format, to); err != nil {
			return err
		}
		if err := w.addAll(ctx, src); err != nil {
			w.list.abandon()
			return err
		}
		return w.list.close()
	})
	if err == nil {
		w.addFile(file)
	}
	return err
}

func (w *writer) addAll(ctx context.Context, src Source) error {
	from, until := warehouse.TimestampOf(w.options.Filter.From), warehouse.TimestampOf(w.options.Filter.Until)
	for i, feed := range w.options.Filter.Feeds {
		w.feed = i
		err := src.Recordings(ctx, feed, from, until, func(c *load.RecordedConversation) error {
			w.counts.Conversations++
			count(w.runs, c.RunID)
			if err := w.options.rowsOf(c, w.add); err != nil {
				return err
			}
			// A conversation is not divided: its recordings may share a file.
			if len(w.waiting) >= batchSize {
				return w.flush(ctx)
			}
			return nil
		})
		if err == nil {
			err = w.flush(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// add adds a row to the list, or to those that wait for their files.
func (w *writer) add(row *warehouse.ExportedRecording, a *warehouse.AudioReference) error {
	if w.options.Files == List {
		return w.put(row)
	}
	p := pending{row: keep(row)}
	if a != nil && w.options.Files == Download {
		reference := *a
		reference.ProjectID, reference.ConversationID = p.row.ProjectID, p.row.ConversationID
		reference.Direction, reference.URL = string(p.row.AudioDirection), p.row.URL
		p.reference = &reference
	}
	w.waiting = append(w.waiting, p)
	return nil
}

func (w *writer) flush(ctx context.Context) error {
	if err := w.copyFiles(ctx, w.waiting); err != nil {
		return err
	}
	for _, p := range w.waiting {
		if err := w.put(p.row); err != nil {
			return err
		}
	}
	w.waiting = w.waiting[:0]
	return nil
}

func (w *writer) put(row *warehouse.ExportedRecording) error {
	w.counts.Rows++
	count(w.counts.ByAvailability, row.Availability)
	if row.RedactionEvidence != "" {
		version := w.counts.ByEvidence.Raw
		if row.Redacted.V {
			version = w.counts.ByEvidence.Redacted
		}
		count(version, string(row.RedactionEvidence))
	}
	w.options.Progress.listed(w.options, w.feed, row.StartedAt)
	return w.list.add(row)
}

// addRecording adds a recording to the export, unless it is there already.
func (w *writer) addRecording(f File) {
	if !w.known[f.Path] {
		w.addFile(f)
		w.counts.Files++
		w.counts.Bytes += f.Bytes
	}
}

func (w *writer) addFile(f File) {
	w.known[f.Path] = true
	w.files = append(w.files, f)
}
