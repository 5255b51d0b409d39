package export

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// FilesMode says which recordings the export contains as files.
type FilesMode string

// The modes.
const (
	List     FilesMode = "list"     // none
	Copy     FilesMode = "copy"     // stored ones
	Download FilesMode = "download" // stored ones, and those that the source returns
)

// Source is a destination as an export reads it.
type Source interface {
	load.StateReader
	load.RejectKeyReader
	// Recordings is that of [load.RecordingReader].
	Recordings(ctx context.Context, feed load.Feed, from, until warehouse.Timestamp, yield func(*load.RecordedConversation) error) error
}

// Copier opens stored recordings.
type Copier interface {
	// Open opens a stored copy by its stored_uri. The error matches
	// [fs.ErrNotExist] if there is none.
	Open(uri string) (*os.File, error)
}

// Filter selects what is exported.
type Filter struct {
	From, Until time.Time // starts of conversations, half-open, in whole seconds
	Feeds       []load.Feed
	Redacted    *bool // only recordings that were requested so; nil: both
}

// Options are the options of an export.
type Options struct {
	Filter      Filter
	Format      string // of the list: CSV, JSONL or Parquet
	Dir         string // empty, missing, or with an unfinished export of the same options
	Files       FilesMode
	Store       Copier     // needed to copy; may be nil to download
	Downloader  Downloader // needed to download
	ShowNumbers bool       // otherwise numbers are masked
	BagIt       bool
	Key         *Key      // signs the manifest; nil: it is not signed
	After       string    // folder of the previous export; "": the newest next to Dir
	Tool        string    // name and version of the program
	Progress    *Progress // nil: not needed
	// Step is called before each change of the folder, concurrently. An error ends the
	// export there. nil: it is not called.
	Step func(step string) error
}

// Summary is the result of an export.
type Summary struct {
	Dir            string
	Continued      bool // an unfinished export was continued
	Manifest       *Manifest
	ManifestSHA256 string
	Problems       []Problem // the first of them
}

// Complete reports whether the export has no gap and every stored copy.
func (s *Summary) Complete() bool {
	return s.Manifest.Coverage.Complete && s.Manifest.Counts.Lost+s.Manifest.Counts.Altered == 0
}

// Problem is a stored recording that the export does not contain.
type Problem struct {
	Kind           string // a reason: lost_recording or altered_recording
	ConversationID string
	StoredURI      string
}

const mostProblems = 100 // that a summary lists

// Write writes an export. Gaps and problems are no errors, see [Summary.Complete].
func Write(ctx context.Context, src Source, o Options) (*Summary, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	f, err := openFolder(o.Dir, o.Step)
	if err != nil {
		return nil, err
	}
	defer f.root.Close() //nolint:errcheck // every file is closed and synced
	previous := func() (*Previous, error) { return findPrevious(o.Dir, o.After) }
	state, continued, err := f.begin(o.Dir, previous, o.request())
	if err != nil {
		return nil, err
	}
	summary, err := write(ctx, src, &o, f, state)
	if err != nil {
		return nil, fmt.Errorf("export to %s: %w; repeat the same command to continue it", o.Dir, err)
	}
	summary.Continued = continued
	return summary, nil
}

func write(ctx context.Context, src Source, o *Options, f *folder, state *unfinished) (*Summary, error) {
	w := newWriter(f, o)
	// Coverage comes first: it must not claim more than the list has.
	from, until := warehouse.TimestampOf(o.Filter.From), warehouse.TimestampOf(o.Filter.Until)
	coverage, err := readCoverage(ctx, src, o.Filter.Feeds, from, until)
	if err != nil {
		return nil, err
	}
	if err := w.writeList(ctx, src); err != nil {
		return nil, err
	}
	m := &Manifest{
		Format:    manifestFormat,
		ExportID:  state.ExportID,
		CreatedAt: time.Now().UTC().Truncate(time.Microsecond),
		Tool:      o.Tool,
		Request:   state.Request,
		Coverage:  *coverage,
		Counts:    w.counts,
		RunIDs:    w.sortedRuns(),
	}
	sum, err := w.seal(m)
	if err != nil {
		return nil, err
	}
	return &Summary{Dir: o.Dir, Manifest: m, ManifestSHA256: sum, Problems: w.problems}, nil
}

func (o *Options) check() error {
	switch {
	case !slices.Contains([]string{CSV, JSONL, Parquet}, o.Format):
		return fmt.Errorf("format %q is not known: use csv, jsonl or parquet", o.Format)
	case !o.Filter.From.Before(o.Filter.Until):
		return errors.New("the range is empty")
	case o.Files == Copy && o.Store == nil:
		return errors.New("recordings can be copied only from a store")
	case o.Files == Download && o.Downloader == nil:
		return errors.New("recordings cannot be downloaded here")
	}
	return nil
}

func (o *Options) request() Request {
	r := Request{
		Filter:      RequestFilter{From: o.Filter.From.UTC(), Until: o.Filter.Until.UTC(), Redacted: o.Filter.Redacted, Feeds: []RequestedFeed{}},
		ListFormat:  o.Format,
		Recordings:  o.Files,
		Numbers:     "masked",
		CSVPrefixed: o.Format == CSV,
		BagIt:       o.BagIt,
	}
	if o.ShowNumbers {
		r.Numbers = "shown"
	}
	if o.Key != nil {
		r.SignedBy = o.Key.ID()
	}
	for _, f := range o.Filter.Feeds {
		r.Filter.Feeds = append(r.Filter.Feeds, RequestedFeed(f))
	}
	return r
}
