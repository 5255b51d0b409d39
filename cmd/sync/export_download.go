package main

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"

	"convsync/internal/config"
	"convsync/internal/export"
	"convsync/internal/recordings"
	"convsync/internal/recordings/store"
	"convsync/internal/warehouse"
	"convsync/internal/wav"
)

// exportDownloader fetches recordings for an export, with the checks and the share of
// the rate of a run. It implements [export.Downloader].
type exportDownloader struct {
	scratch  string // folder in which they are checked
	projects map[string]*recordings.Downloader

	mu      sync.Mutex
	store   *store.Store
	folders map[string]*store.Folder
}

// newExportDownloader returns the downloader for an export in a folder.
func newExportDownloader(ctx context.Context, app *app, cfg *config.Config, projects []config.Project, dir string) (*exportDownloader, error) {
	d := &exportDownloader{
		scratch:  export.ScratchFolder(dir),
		projects: map[string]*recordings.Downloader{},
		folders:  map[string]*store.Folder{},
	}
	process := newShared(cfg.Sync.Workers)
	options := &recordings.Options{Workers: cfg.Sync.Audio.Workers, Log: app.log, Hosts: &process.hosts}
	for i := range projects {
		p := &projects[i]
		project := recordings.Project{ID: p.ID, StoredID: p.StoredID, BaseURL: audioURL(p)}
		if _, err := requestAudio(ctx, cfg, p, process, &project); err != nil {
			return nil, err
		}
		d.projects[p.StoredID] = recordings.NewDownloader(&project, options)
	}
	return d, nil
}

// Name implements [export.Downloader].
func (d *exportDownloader) Name(a *warehouse.AudioReference) (string, error) {
	return store.URI(a.ProjectID, store.Name{
		ConversationID: a.ConversationID,
		Direction:      a.Direction,
		Redacted:       a.Redacted,
		StartedAt:      a.StartedAt.Time(),
	}), nil
}

// Download implements [export.Downloader].
func (d *exportDownloader) Download(ctx context.Context, a *warehouse.AudioReference, to io.Writer) (warehouse.AudioReference, error) {
	project := d.projects[a.ProjectID]
	if project == nil {
		return *a, errors.New("project " + a.ProjectID + " is not configured")
	}
	folder, err := d.folder(a.ProjectID)
	if err != nil {
		return *a, err
	}
	fetched, err := project.Download(ctx, a, folder)
	known, err := project.Downloaded(a, &fetched, err)
	if err != nil || ctx.Err() != nil || known.Availability != warehouse.AudioAvailable {
		return known, errors.Join(err, ctx.Err())
	}
	file, err := d.store.Open(fetched.URI)
	if err != nil {
		return known, err
	}
	_, err = io.Copy(to, file)
	return known, errors.Join(err, file.Close(), folder.Remove(fetched.URI))
}

// Describe implements [export.Downloader].
func (d *exportDownloader) Describe(a *warehouse.AudioReference, file *os.File) (warehouse.AudioReference, bool, error) {
	info, err := file.Stat()
	if err != nil {
		return *a, false, err
	}
	head, err := io.ReadAll(io.LimitReader(file, wav.HeadBytes))
	if err != nil {
		return *a, false, err
	}
	known, ok := recordings.Described(a, head, info.Size(), info.ModTime())
	return known, ok, nil
}

// folder returns the folder in which the recordings of a project are checked.
func (d *exportDownloader) folder(project string) (*store.Folder, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.folders[project]; f != nil {
		return f, nil
	}
	var err error
	if d.store == nil {
		if d.store, err = store.Open(store.Options{Path: d.scratch}); err != nil {
			return nil, err
		}
	}
	f, err := d.store.Claim(project)
	if err != nil {
		return nil, err
	}
	d.folders[project] = f
	return f, nil
}

// close releases the folders.
func (d *exportDownloader) close() {
	for _, f := range d.folders {
		_ = f.Close() // the folder of the export is complete, or is continued
	}
}
