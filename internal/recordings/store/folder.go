package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"convsync/internal/wav"
)

// Source is the body of a recording.
type Source struct {
	Body io.Reader
	Size int64 // Content-Length; -1: unknown
	// Twin is the stored copy of the same conversation and direction with the other
	// redaction, if there is one. If the body has the same bytes, no second file is
	// written, and Write returns the URI of the twin. Only URI, SHA256 and Bytes count.
	Twin *Copy
	// AcceptIncomplete also stores a body that ends before the samples that its header
	// declares, provided that it has all bytes of Size.
	AcceptIncomplete bool
}

// Copy is a stored recording.
type Copy struct {
	URI    string // relative to the store, with slashes: a value of stored_uri
	SHA256 string // hex, lower case
	Bytes  int64
	// Header is the header of the file. If its format comes after [wav.HeadBytes], the
	// codec is "", and channels and rate are 0.
	Header wav.Header
	// Existed reports that no file was written: a complete one with the same bytes
	// existed under this name, or it is the twin.
	Existed bool
	// IsTwin reports that it is the file of the twin.
	IsTwin bool
}

// bufferBytes is the size of what is read and written at once.
const bufferBytes = 256 << 10

var buffers = sync.Pool{New: func() any { return new([bufferBytes]byte) }}

// Write stores a recording under its name. The file is durable after [Folder.Sync].
// Memory use is a fixed 256 KiB for each call. A different file under the same name
// is moved to the quarantine.
//
// Nothing is stored if it returns an error:
//   - a [*BodyError]: the body is not a (complete) recording
//   - an [*UnavailableError]: the store failed, not the source
//   - an error that wraps that of Body, or of ctx
func (f *Folder) Write(ctx context.Context, name Name, from Source) (Copy, error) {
	buffer := buffers.Get().(*[bufferBytes]byte)
	defer buffers.Put(buffer)
	b := &body{ctx: ctx, from: from.Body}
	n, err := b.start(buffer[:wav.HeadBytes])
	if err != nil {
		return Copy{}, expected(err, from.Size)
	}
	temporary := filepath.Join(f.tmp, strconv.FormatInt(f.count.Add(1), 10)+".part")
	file, err := f.store.disk.create(temporary)
	if err != nil {
		return Copy{}, err
	}
	sum := sha256.New()
	if err = f.receive(b, file, sum, buffer, n); err == nil {
		err = b.complete(&from)
	}
	if err != nil {
		return Copy{}, f.abandon(file, expected(err, from.Size))
	}
	written := Copy{
		URI:    URI(f.project, name),
		SHA256: hex.EncodeToString(sum.Sum(nil)),
		Bytes:  b.bytes,
		Header: b.header,
	}
	return f.publish(ctx, file, written, from.Twin)
}

// expected adds the Content-Length to the error of a body that is too short.
func expected(err error, size int64) error {
	var short *BodyError
	if errors.As(err, &short) && short.Reason == ReasonShort {
		short.Want = size
	}
	return err
}

// receive writes the first n bytes of the buffer and the rest of the body to a file.
func (f *Folder) receive(b *body, file *os.File, sum hash.Hash, buffer *[bufferBytes]byte, n int) error {
	for n > 0 {
		if err := f.store.disk.write(file, buffer[:n]); err != nil {
			return err
		}
		sum.Write(buffer[:n])
		var err error
		if n, err = b.fill(buffer[:]); err != nil {
			return err
		}
	}
	return nil
}

// abandon closes and removes a temporary file. If that fails, the next claim removes
// it.
func (f *Folder) abandon(file *os.File, err error) error {
	_ = f.store.disk.close(file)
	_ = f.store.disk.remove(file.Name())
	return err
}

// publish gives a complete temporary file its final name, unless the same bytes are
// stored already.
func (f *Folder) publish(ctx context.Context, file *os.File, written Copy, twin *Copy) (Copy, error) {
	stored, occupied, err := f.stored(ctx, written, twin)
	if err != nil || stored.Existed {
		return stored, f.abandon(file, err)
	}
	if err := f.store.disk.syncFile(file); err != nil {
		return Copy{}, f.abandon(file, err)
	}
	err = f.store.disk.close(file)
	if err == nil && occupied {
		_, err = f.Quarantine(written.URI)
	}
	path, _ := f.store.path(written.URI)
	if err == nil {
		err = f.store.disk.mkdirAll(filepath.Dir(path))
	}
	if err == nil {
		err = f.store.disk.rename(file.Name(), path)
	}
	if err != nil {
		_ = f.store.disk.remove(file.Name())
		return Copy{}, err
	}
	f.touch(filepath.Dir(path))
	return written, nil
}

// stored returns the copy, with Existed if a file with its bytes is stored. Otherwise
// it reports whether another file has its name.
func (f *Folder) stored(ctx context.Context, written Copy, twin *Copy) (stored Copy, occupied bool, err error) {
	if twin != nil && twin.SHA256 == written.SHA256 && twin.Bytes == written.Bytes {
		if same, err := f.has(ctx, twin.URI, written); err != nil || same {
			written.URI, written.Existed, written.IsTwin = twin.URI, same, same
			return written, false, err
		}
	}
	path, _ := f.store.path(written.URI)
	if _, err := f.store.disk.lstat(path); isMissing(err) {
		return written, false, nil
	} else if err != nil {
		return Copy{}, false, err
	}
	written.Existed, err = f.has(ctx, written.URI, written)
	return written, !written.Existed, err
}

// has reports whether a file has the bytes of a copy. A file that cannot be read has
// not.
func (f *Folder) has(ctx context.Context, uri string, c Copy) (bool, error) {
	path, ok := f.store.path(uri)
	if !ok {
		return false, nil
	}
	info, err := f.store.disk.lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() != c.Bytes {
		return false, nil
	}
	read, err := f.store.disk.read(ctx, path)
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	f.touch(filepath.Dir(path))
	return err == nil && read.SHA256 == c.SHA256, nil
}

// Adopt returns the file that is stored under a name, so that it needs no download
// after a kill. It reads and hashes the file, and checks it as Write does. It returns
// false if there is no such file, it cannot be read, it is not a complete recording,
// or its size differs from size (-1: unknown). With a known size, fewer samples than
// the header declares are accepted. The file is durable after [Folder.Sync].
func (f *Folder) Adopt(ctx context.Context, name Name, size int64) (Copy, bool, error) {
	uri := URI(f.project, name)
	path, _ := f.store.path(uri)
	info, err := f.store.disk.lstat(path)
	if isMissing(err) {
		return Copy{}, false, nil
	}
	if err != nil {
		return Copy{}, false, err
	}
	if !info.Mode().IsRegular() || size >= 0 && info.Size() != size {
		return Copy{}, false, nil
	}
	read, err := f.store.disk.read(ctx, path)
	if ctx.Err() != nil {
		return Copy{}, false, context.Cause(ctx)
	}
	if err != nil || read.wrong != nil || read.Bytes != info.Size() || size < 0 && !read.Header.Complete(read.Bytes) {
		return Copy{}, false, nil
	}
	f.touch(filepath.Dir(path))
	read.URI, read.Existed = uri, true
	return read.Copy, true, nil
}

// Remove removes a file of this project, which may be in the quarantine. A file that
// does not exist is no error.
func (f *Folder) Remove(uri string) error {
	path, err := f.inside(uri)
	if kept := filepath.Join(f.quarantine(), filepath.Base(filepath.FromSlash(uri))); f.store.uri(kept) == uri {
		path, err = kept, nil
	}
	if err != nil {
		return err
	}
	if err := f.store.disk.remove(path); err != nil {
		return err
	}
	f.touch(filepath.Dir(path))
	return nil
}

// Quarantine moves a file of this project, or a file that does not belong there, to
// .convsync/quarantine, and returns its new path relative to the store.
func (f *Folder) Quarantine(uri string) (string, error) {
	path, err := f.inside(uri)
	if err != nil {
		return "", err
	}
	folder := f.quarantine()
	if err := f.store.disk.mkdirAll(folder); err != nil {
		return "", err
	}
	to := filepath.Join(folder, filepath.Base(path))
	for i := 1; ; i++ {
		_, err := f.store.disk.lstat(to)
		if isMissing(err) {
			break
		}
		if err != nil {
			return "", err
		}
		to = filepath.Join(folder, fmt.Sprintf("%s.%d", filepath.Base(path), i))
	}
	if err := f.store.disk.rename(path, to); err != nil {
		return "", err
	}
	f.touch(folder)
	f.touch(filepath.Dir(path))
	return f.store.uri(to), nil
}

// quarantine returns the folder of this project in the quarantine. It has no others.
func (f *Folder) quarantine() string { return f.store.own(quarantineFolder, filepath.Base(f.path)) }

// inside returns the path of a file of this project.
func (f *Folder) inside(uri string) (string, error) {
	path, ok := f.store.path(uri)
	if !ok || !strings.HasPrefix(path, f.path+string(filepath.Separator)) {
		return "", fmt.Errorf("%q is not a file of project %s in the recordings store %s", uri, f.project, f.store.disk.root)
	}
	return path, nil
}
