package export

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"

	"convsync/internal/warehouse"
)

const (
	copies    = 4   // at the same time
	batchSize = 256 // rows that wait for their files
)

// Downloader fetches recordings from the source that are not stored.
type Downloader interface {
	// Name returns the path that the store would give to a recording.
	Name(a *warehouse.AudioReference) (string, error)
	// Download writes a recording and returns its reference as it is known
	// afterwards. If that is not available, what was written is not used. An error
	// ends the export. It is called concurrently.
	Download(ctx context.Context, a *warehouse.AudioReference, to io.Writer) (warehouse.AudioReference, error)
	// Describe returns the reference of a recording that an earlier attempt has
	// downloaded; false if the file is not one.
	Describe(a *warehouse.AudioReference, file *os.File) (warehouse.AudioReference, bool, error)
}

// pending is a row that waits for its file.
type pending struct {
	row       *warehouse.ExportedRecording
	reference *warehouse.AudioReference // to download; nil: to copy
}

// job makes one file of the export.
type job struct {
	pending
	name  string // in the export
	rows  []*warehouse.ExportedRecording
	file  File
	fault string // why there is no file: a reason
}

// isStoredURI reports whether a URI is one that a store gives: it never leads out of
// the folder of the export.
func isStoredURI(uri string) bool {
	return fs.ValidPath(uri) && uri != "." && !strings.ContainsAny(uri, "\\\r\n")
}

// copyFiles makes the files of rows, and fills in their paths or the reasons why
// there is none.
func (w *writer) copyFiles(ctx context.Context, rows []pending) error {
	var jobs []*job
	byName := map[string]*job{}
	for _, p := range rows {
		j, err := w.newJob(p)
		if err != nil {
			return err
		}
		if j == nil {
			continue
		}
		if same := byName[j.name]; same != nil && j.fault == "" {
			same.rows = append(same.rows, p.row)
			continue
		}
		byName[j.name], jobs = j, append(jobs, j)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(copies)
	for _, j := range jobs {
		group.Go(func() error { return w.run(ctx, j) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, j := range jobs {
		for _, row := range j.rows {
			w.settle(j, row)
		}
	}
	return nil
}

// newJob returns the job of a row; nil if it has no recording.
func (w *writer) newJob(p pending) (*job, error) {
	uri := string(p.row.StoredURI)
	switch {
	case uri != "" && w.options.Store != nil:
		p.reference = nil
	case p.reference == nil || w.options.Files != Download || !mayExist(p.row.Availability):
		return nil, nil
	default:
		var err error
		if uri, err = w.options.Downloader.Name(p.reference); err != nil {
			return nil, err
		}
	}
	j := &job{pending: p, rows: []*warehouse.ExportedRecording{p.row}}
	if !isStoredURI(uri) {
		j.fault = reasonLost
	}
	j.name = w.payload + "recordings/" + uri
	return j, nil
}

// mayExist reports whether the source may return a recording.
func mayExist(availability string) bool {
	return availability == warehouse.AudioUnknown || availability == warehouse.AudioAvailable
}

// run makes the file of a job, unless there is one already.
func (w *writer) run(ctx context.Context, j *job) error {
	if j.fault != "" || ctx.Err() != nil {
		return ctx.Err()
	}
	want := string(j.row.SHA256)
	file, exists, err := w.folder.stored(j.name)
	if err != nil {
		return err
	}
	if exists && j.reference != nil {
		if exists, err = w.describe(j, &file); err != nil {
			return err
		}
		want = file.SHA256
	}
	if exists && file.SHA256 == want {
		j.file = file
		w.options.Progress.add(file.Bytes)
		return nil
	}
	n, err := w.folder.create(j.name)
	if err != nil {
		return err
	}
	if j.reference != nil {
		err = w.download(ctx, j, n)
	} else if err = w.copyStored(ctx, j, n); err == nil && j.fault == "" && (n.sum() != want || j.row.SizeBytes.Valid && j.row.SizeBytes.V != n.size) {
		j.fault = reasonAltered
	}
	if err != nil || j.fault != "" {
		n.discard()
		return err
	}
	if j.file, err = n.publish(); err == nil {
		w.options.Progress.add(n.size)
	}
	return err
}

// describe fills the row of a recording that an earlier attempt has downloaded.
func (w *writer) describe(j *job, file *File) (ok bool, err error) {
	f, err := w.folder.root.Open(j.name)
	if err != nil {
		return false, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	a, ok, err := w.options.Downloader.Describe(j.reference, f)
	if err != nil || !ok {
		return false, err
	}
	fillReference(j.row, &a)
	j.row.SHA256, j.row.SizeBytes = warehouse.Text(file.SHA256), warehouse.Some(file.Bytes)
	return true, nil
}

func (w *writer) copyStored(ctx context.Context, j *job, to io.Writer) error {
	from, err := w.options.Store.Open(string(j.row.StoredURI))
	if errors.Is(err, fs.ErrNotExist) {
		j.fault = reasonLost
		return nil
	}
	if err != nil {
		return err
	}
	defer from.Close() //nolint:errcheck // it is only read
	_, err = io.Copy(to, reader{ctx, from})
	return err
}

// reader ends when its context does.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// download fetches a recording, and updates its row by what was learned.
func (w *writer) download(ctx context.Context, j *job, n *newFile) error {
	a, err := w.options.Downloader.Download(ctx, j.reference, n)
	if err != nil {
		return err
	}
	fillReference(j.row, &a)
	if a.Availability != warehouse.AudioAvailable {
		j.fault = string(j.row.Reason)
		return nil
	}
	j.row.SHA256, j.row.SizeBytes = warehouse.Text(n.sum()), warehouse.Some(n.size)
	return nil
}

// settle fills in the result of a job.
func (w *writer) settle(j *job, row *warehouse.ExportedRecording) {
	fault := j.fault
	if fault == "" && string(row.SHA256) != j.file.SHA256 {
		fault = reasonAltered
	}
	if fault == "" {
		row.Path = warehouse.Text(j.file.Path)
		w.addRecording(j.file)
		return
	}
	row.Reason = warehouse.Text(fault)
	switch fault {
	case reasonLost:
		w.counts.Lost++
	case reasonAltered:
		w.counts.Altered++
	default: // the source did not return it
		return
	}
	if len(w.problems) < mostProblems {
		w.problems = append(w.problems, Problem{fault, row.ConversationID, string(row.StoredURI)})
	}
}
