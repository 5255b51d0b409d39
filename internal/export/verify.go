package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// The kinds of a [Finding].
const (
	Missing      = "missing"
	Added        = "added"
	Changed      = "changed"
	BadSignature = "bad_signature"
	BadChain     = "bad_chain"
)

// Finding is a difference between an export and what it was when it was finished.
type Finding struct {
	Kind   string `json:"kind"`
	Path   string `json:"path"` // relative to the verified folder, with slashes
	Detail string `json:"detail,omitempty"`
}

// The values of [VerifiedExport.Signature].
const (
	SignatureValid      = "valid"
	SignatureBad        = "bad"
	SignatureNone       = "none"        // the export is not signed
	SignatureNotChecked = "not_checked" // no public key was given
)

// VerifiedExport is an export that was verified.
type VerifiedExport struct {
	Folder    string    `json:"folder"` // relative to the verified folder; "" for itself
	ExportID  string    `json:"export_id"`
	CreatedAt time.Time `json:"created_at"`
	Files     int64     `json:"files"`
	Bytes     int64     `json:"bytes"`
	Signature string    `json:"signature"`
	SignedBy  string    `json:"signed_by,omitempty"` // id of the key
	Previous  *Previous `json:"previous"`
}

// Verified is the result of [Verify].
type Verified struct {
	Exports  []VerifiedExport `json:"exports"`
	Findings []Finding        `json:"findings"`
}

// VerifyOptions are the options of [Verify].
type VerifyOptions struct {
	Key      *PublicKey // checks signatures; nil: they are not checked
	Progress *Progress  // nil: not needed
}

// ErrNoExport reports that a folder has no export.
var ErrNoExport = errors.New("there is no export: neither the folder nor one in it has " + manifestFile + " or " + sumsFile)

// Verify reads every byte of the export in a folder and compares it with the
// manifest and the sums. For a folder of exports it verifies each, and their chain.
// It needs nothing but the folder.
func Verify(ctx context.Context, dir string, o VerifyOptions) (*Verified, error) {
	result := &Verified{Exports: []VerifiedExport{}, Findings: []Finding{}}
	if isExport(dir) {
		o.Progress.expect([]string{dir})
		return result, verifyExport(ctx, dir, "", &o, result)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, e := range entries {
		if sub := filepath.Join(dir, e.Name()); e.IsDir() && isExport(sub) {
			dirs = append(dirs, sub)
		}
	}
	o.Progress.expect(dirs)
	for _, sub := range dirs {
		if err := verifyExport(ctx, sub, filepath.Base(sub), &o, result); err != nil {
			return nil, err
		}
	}
	if len(result.Exports) == 0 {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoExport)
	}
	chain, err := verifyChain(dir)
	result.Findings = append(result.Findings, chain...)
	return result, err
}

func isExport(dir string) bool {
	for _, name := range []string{manifestFile, sumsFile, stateFile} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// verifyExport verifies the export in a folder, and adds the result.
func verifyExport(ctx context.Context, dir, folder string, o *VerifyOptions, result *Verified) error {
	v := &verifier{dir: dir, progress: o.Progress}
	err := v.verify(ctx, o)
	if err != nil {
		return err
	}
	slices.SortStableFunc(v.findings, func(a, b Finding) int { return strings.Compare(a.Path, b.Path) })
	for _, f := range v.findings {
		if folder != "" {
			f.Path = folder + "/" + f.Path
		}
		result.Findings = append(result.Findings, f)
	}
	v.result.Folder = folder
	result.Exports = append(result.Exports, v.result)
	return nil
}

// verifier verifies one export.
type verifier struct {
	dir      string
	progress *Progress
	manifest *Manifest // nil: it cannot be read
	listed   []File    // in the manifest
	sums     []File    // in SHA256SUMS
	sumsErr  error     // why there are none
	// Trusted says that the manifest decides what is right, not the sums.
	trusted bool
	result  VerifiedExport

	mu       sync.Mutex
	actual   map[string]File // of the regular files
	findings []Finding
}

func (v *verifier) find(kind, path, detail string) {
	v.findings = append(v.findings, Finding{kind, path, detail})
}

func (v *verifier) verify(ctx context.Context, o *VerifyOptions) error {
	if v.isUnfinished() {
		v.result.Signature = SignatureNone
		v.find(Missing, manifestFile, notFinished)
		return nil
	}
	if err := v.hashAll(ctx); err != nil {
		return err
	}
	if err := v.readIndexes(); err != nil {
		return err
	}
	if err := v.checkSignature(o.Key); err != nil {
		return err
	}
	v.decide()
	v.compare()
	if v.trusted {
		return v.compareIndexes()
	}
	return nil
}

const notFinished = "the export is not finished: repeat the command that began it"

// isUnfinished reports whether the export has no manifest yet.
func (v *verifier) isUnfinished() bool {
	_, err := os.Lstat(filepath.Join(v.dir, manifestFile))
	_, begun := os.Lstat(filepath.Join(v.dir, stateFile))
	return errors.Is(err, fs.ErrNotExist) && begun == nil
}

// hashAll hashes every file. It does not follow symbolic links.
func (v *verifier) hashAll(ctx context.Context) error {
	v.actual = map[string]File{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	err := filepath.WalkDir(v.dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(v.dir, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if !entry.Type().IsRegular() {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.actual[name] = File{Path: name, SHA256: entry.Type().String()} // the hash of no file
			return nil
		}
		group.Go(func() error { return v.hash(ctx, path, name) })
		return nil
	})
	return errors.Join(err, group.Wait())
}

func (v *verifier) hash(ctx context.Context, path, name string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it is only read
	sum, size, err := hashOf(reader{ctx, file})
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.actual[name] = File{Path: name, Bytes: size, SHA256: sum}
	v.result.Files++
	v.result.Bytes += size
	v.progress.add(size)
	return nil
}

// readIndexes reads the manifest and the sums.
func (v *verifier) readIndexes() error {
	err := v.open(manifestFile, func(r io.Reader) (err error) {
		v.manifest, err = readManifest(r, func(f File) { v.listed = append(v.listed, f) })
		if err != nil {
			v.find(Changed, manifestFile, "it is not the manifest of an export: "+err.Error())
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = v.open(sumsFile, func(r io.Reader) error {
		if v.sums, v.sumsErr = readSums(r); v.sumsErr != nil {
			v.sums = nil
		}
		return nil
	})
	if err != nil {
		return err
	}
	if v.manifest == nil {
		if v.sumsErr != nil {
			v.find(Changed, sumsFile, v.sumsErr.Error())
		}
		return nil
	}
	v.result.ExportID, v.result.CreatedAt = v.manifest.ExportID, v.manifest.CreatedAt
	v.result.Previous = v.manifest.Previous
	return nil
}

// open reads a file of the export if there is one.
func (v *verifier) open(name string, read func(io.Reader) error) error {
	if f, ok := v.actual[name]; !ok || !isSum(f.SHA256) {
		return nil
	}
	f, err := os.Open(filepath.Join(v.dir, name))
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it is only read
	return read(f)
}

// compare compares the files with what is expected of them.
func (v *verifier) compare() {
	expected := v.expected()
	for name, want := range expected {
		got, exists := v.actual[name]
		switch {
		case !exists:
			v.find(Missing, name, "")
		case !isSum(got.SHA256):
			v.find(Changed, name, "it is not a regular file")
		case want == nil: // another check compares it
		case want.Bytes >= 0 && got.Bytes != want.Bytes:
			v.find(Changed, name, fmt.Sprintf("it has %d bytes, not %d", got.Bytes, want.Bytes))
		case got.SHA256 != want.SHA256:
			v.find(Changed, name, "it has another SHA-256")
		}
	}
	for name, got := range v.actual {
		if _, known := expected[name]; known {
			continue
		}
		detail := ""
		switch {
		case name == stateFile:
			detail = notFinished
		case !isSum(got.SHA256):
			detail = "it is not a regular file"
		}
		v.find(Added, name, detail)
	}
}

// expected returns the files that the export must have, by name: nil for those that
// describe the others.
func (v *verifier) expected() map[string]*File {
	expected := map[string]*File{}
	files := v.sums
	if v.trusted {
		files = v.listed
	}
	for i := range files {
		expected[files[i].Path] = &files[i]
	}
	expected[manifestFile], expected[sumsFile] = nil, nil
	if v.trusted && v.manifest.BagIt || !v.trusted && v.isBag() {
		expected[bagTags] = nil
	}
	if v.trusted && (v.manifest.SignedBy != "" || v.result.Signature == SignatureValid) {
		expected[signatureFile] = nil
	}
	return expected
}

func (v *verifier) isBag() bool {
	return slices.ContainsFunc(v.sums, func(f File) bool { return f.Path == bagFile })
}
