package export

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
)

// partFolder holds the files of an export until they are complete.
const partFolder = ".convsync-part"

// ScratchFolder returns a folder for temporary files in the folder of an export. It
// exists while [Write] runs, which removes it at the end, or when it continues.
func ScratchFolder(dir string) string { return filepath.Join(dir, partFolder, "scratch") }

// folder is the folder of an export. Every file in it is written under a temporary
// name, synced, and renamed. No path leads out of the folder, also not by a symbolic
// link. Its methods may be called concurrently.
type folder struct {
	root *os.Root
	step func(step string) error
	next atomic.Int64 // number of the next temporary file

	mu    sync.Mutex
	dirty map[string]bool // folders with entries that are not synced
}

func openFolder(path string, step func(string) error) (*folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	if step == nil {
		step = func(string) error { return nil }
	}
	return &folder{root: root, step: step, dirty: map[string]bool{}}, nil
}

// clear removes what a killed export left, and prepares for temporary files.
func (f *folder) clear() error {
	if err := f.step("clear"); err != nil {
		return err
	}
	if err := f.root.RemoveAll(partFolder); err != nil {
		return err
	}
	return f.root.Mkdir(partFolder, 0o700)
}

// newFile is a file that is being written.
type newFile struct {
	folder     *folder
	file       *os.File
	temp, name string
	hash       hash.Hash
	size       int64
}

// create begins a file. The caller publishes or discards it.
func (f *folder) create(name string) (*newFile, error) {
	if err := f.step("create " + name); err != nil {
		return nil, err
	}
	temp := path.Join(partFolder, strconv.FormatInt(f.next.Add(1), 10))
	file, err := f.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &newFile{
		folder: f,
		file:   file,
		temp:   temp,
		name:   name,
		hash:   sha256.New(),
	}, nil
}

func (n *newFile) Write(p []byte) (int, error) {
	written, err := n.file.Write(p)
	n.hash.Write(p[:written])
	n.size += int64(written)
	return written, err
}

// sum returns the SHA-256 of what was written.
func (n *newFile) sum() string { return hex.EncodeToString(n.hash.Sum(nil)) }

// publish makes the file durable and gives it its name.
func (n *newFile) publish() (File, error) {
	f := n.folder
	if err := errors.Join(n.file.Sync(), n.file.Close()); err != nil {
		return File{}, err // clear removes the temporary file
	}
	if err := f.step("rename " + n.name); err != nil {
		return File{}, err
	}
	parent := path.Dir(n.name)
	if err := f.root.MkdirAll(parent, 0o700); err != nil {
		return File{}, err
	}
	if err := f.root.Rename(n.temp, n.name); err != nil {
		return File{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for ; !f.dirty[parent]; parent = path.Dir(parent) {
		f.dirty[parent] = true
	}
	return File{Path: n.name, Bytes: n.size, SHA256: n.sum()}, nil
}

// discard removes the file.
func (n *newFile) discard() {
	_ = n.file.Close()
	if n.folder.step("discard "+n.name) != nil {
		return
	}
	_ = n.folder.root.Remove(n.temp) // otherwise clear removes it
}

// write writes a whole file.
func (f *folder) write(name string, content func(io.Writer) error) (File, error) {
	n, err := f.create(name)
	if err != nil {
		return File{}, err
	}
	if err := content(n); err != nil {
		n.discard()
		return File{}, err
	}
	return n.publish()
}

// sync makes the names of the published files durable.
func (f *folder) sync() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if runtime.GOOS == "windows" { // folders cannot be synced there, and need not be
		return nil
	}
	for name := range f.dirty {
		d, err := f.root.Open(name)
		if err != nil {
			return err
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return err
		}
		delete(f.dirty, name)
	}
	return nil
}

// stored returns the size and hash of a file; false if there is no such file.
func (f *folder) stored(name string) (File, bool, error) {
	file, err := f.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return File{}, false, nil
	}
	if err != nil {
		return File{}, false, err
	}
	defer file.Close() //nolint:errcheck // it is only read
	sum, size, err := hashOf(file)
	return File{Path: name, Bytes: size, SHA256: sum}, err == nil, err
}

func hashOf(r io.Reader) (sum string, size int64, err error) {
	h := sha256.New()
	size, err = io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), size, err
}
