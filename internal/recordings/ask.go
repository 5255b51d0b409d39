package recordings

import (
	"context"
	"errors"
	"net/http"

	"convsync/internal/polyai"
	"convsync/internal/recordings/store"
	"convsync/internal/warehouse"
)

// check learns of a recording without reading all of it. An error concerns the whole
// project.
func (q *requester) check(ctx context.Context, a *warehouse.AudioReference) (found, error) {
	r := q.project.recordingOf(a)
	method := q.host.method(a.Codec != "" && a.SizeBytes.Valid)
	head, err := q.probe(ctx, r, method)
	if method == polyai.ProbeHead {
		if err == nil && (head.Size < 0 || head.Size == a.SizeBytes.V) {
			return found{availability: warehouse.AudioAvailable, size: head.Size}, nil
		}
		if err == nil || refusesHead(statusOf(err)) {
			q.host.refuseHead()
		}
		if err == nil || refusesHead(statusOf(err)) || statusOf(err) == http.StatusNotFound {
			// Responses to HEAD have no error code. A GET confirms them.
			head, err = q.probe(ctx, r, polyai.ProbeClosed)
		}
	}
	if err != nil {
		return foundBy(err)
	}
	return foundInHead(head, a), nil
}

// copyInto stores a recording. twin is the stored copy of its other version, if there
// is one. An error is that of the store, or concerns the whole project.
func (q *requester) copyInto(ctx context.Context, folder *store.Folder, a *warehouse.AudioReference, twin *store.Copy) (found, error) {
	if f, ok, err := q.adopt(ctx, folder, a); ok || err != nil {
		return f, err
	}
	var stored store.Copy
	err := q.download(ctx, q.project.recordingOf(a), func(audio *polyai.Audio) (err error) {
		stored, err = folder.Write(ctx, nameOf(a), store.Source{
			Body:             audio.Body,
			Size:             audio.Size,
			Twin:             twin,
			AcceptIncomplete: acceptsIncomplete(a),
		})
		return err
	})
	var body *store.BodyError
	switch {
	case err == nil:
		return foundCopy(&stored), nil
	case store.IsUnavailable(err):
		return found{}, err
	case errors.As(err, &body):
		return failed(body.Reason), nil
	}
	return foundBy(err)
}

// adopt uses a complete copy that is in the store although no row names it: the
// process that wrote it was killed before it recorded the copy, or another
// destination uses the same store. It returns false if there is none.
func (q *requester) adopt(ctx context.Context, folder *store.Folder, a *warehouse.AudioReference) (found, bool, error) {
	stored, ok, err := folder.Adopt(ctx, nameOf(a), -1)
	if !ok || err != nil {
		return found{}, false, err
	}
	head, err := q.probe(ctx, q.project.recordingOf(a), polyai.ProbeRange)
	f := foundCopy(&stored)
	f.adopted = true
	switch {
	case err == nil && (head.Size < 0 || head.Size == stored.Bytes):
		return f, true, nil
	case err == nil:
		return found{}, false, nil // the store moves the other file away
	case polyai.IsNoRecording(err):
		// The source no longer has it: this is the only copy.
		f.availability, f.reason = warehouse.AudioMissing, Reason(err)
		return f, true, nil
	}
	f, err = foundBy(err)
	return f, err == nil, err
}

// Downloader fetches single recordings into a store, in the same way as [Run].
type Downloader struct {
	*requester
	gate gate
}

// NewDownloader returns a downloader for the recordings of a project. It uses
// Workers, Hosts, Clock, Log, Progress and Stop of the options.
func NewDownloader(p *Project, o *Options) *Downloader {
	options, project := *o, *p
	options.setDefaults()
	project.setDefaults()
	return &Downloader{requester: newRequester(&project, &options, newPermits(&options))}
}

// Download stores a recording in a folder. The copy is durable after
// [store.Folder.Sync]. [Reason] names the reason of an error.
func (d *Downloader) Download(ctx context.Context, a *warehouse.AudioReference, into *store.Folder) (store.Copy, error) {
	if stored, ok, err := into.Adopt(ctx, nameOf(a), sizeOf(a)); ok || err != nil {
		return stored, err
	}
	var stored store.Copy
	err := d.download(ctx, d.project.recordingOf(a), func(audio *polyai.Audio) (err error) {
		stored, err = into.Write(ctx, nameOf(a), store.Source{Body: audio.Body, Size: audio.Size, AcceptIncomplete: acceptsIncomplete(a)})
		return err
	})
	return stored, err
}

// Differs reports whether the raw and the redacted version of a recording differ, in
// which case the key may read raw recordings. Equal versions say nothing certain:
// there may be nothing to redact. Both are read, and neither is stored. A recording
// of more than 16 MiB is an error.
func (d *Downloader) Differs(ctx context.Context, a *warehouse.AudioReference) (bool, error) {
	other := otherOf(a)
	compared, err := d.compareVersions(ctx, &candidate{reference: *a}, &other)
	return compared == different, err
}

// sizeOf returns the known size of a recording, or -1.
func sizeOf(a *warehouse.AudioReference) int64 {
	if a.SizeBytes.Valid {
		return a.SizeBytes.V
	}
	return -1
}
