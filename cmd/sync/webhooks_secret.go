package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"convsync/internal/atomicfile"
)

// secretSink writes a signing secret, which is returned only once, into a file
// that only its owner can read, or to stdout. The file is created before the
// secret is requested, so that the secret is not lost if no file can be
// created.
type secretSink struct {
	stdout, stderr io.Writer
	path           string   // "": to stdout
	temporary      *os.File // temporary file that replaces the one at path
}

func openSecretSink(app *app, opts *webhookOptions) (*secretSink, error) {
	s := &secretSink{stdout: app.stdout, stderr: app.stderr, path: opts.secretFile}
	if s.path == "" {
		return s, nil
	}
	if _, err := os.Lstat(s.path); err == nil && !opts.force {
		return nil, usageError(fmt.Errorf("--secret-file %s already exists: choose another file, or use --force", s.path))
	}
	var err error
	if s.temporary, err = os.CreateTemp(filepath.Dir(s.path), filepath.Base(s.path)+".new-"); err != nil {
		return nil, usageError(fmt.Errorf("--secret-file cannot be written: %w", err))
	}
	return s, nil // CreateTemp gives it the mode 0600
}

// discard removes the temporary file if there is no secret after all.
func (s *secretSink) discard() error {
	if s.temporary == nil {
		return nil
	}
	return errors.Join(s.temporary.Close(), os.Remove(s.temporary.Name()))
}

// put writes the secret. The secret of an existing file is kept next to it:
// pending events may still be signed with it.
func (s *secretSink) put(secret string) error {
	if s.temporary == nil {
		_, err := fmt.Fprintln(s.stdout, secret)
		return err
	}
	_, err := fmt.Fprintln(s.temporary, secret)
	err = errors.Join(err, s.temporary.Sync(), s.temporary.Close())
	if err == nil {
		err = keepOld(s.path)
	}
	if err == nil {
		err = os.Rename(s.temporary.Name(), s.path)
	}
	if err != nil {
		return fmt.Errorf("the new secret is shown only once, and was saved in %s: move it to %s by hand: %w", s.temporary.Name(), s.path, err)
	}
	fmt.Fprintf(s.stderr, "the signing secret is in %s\n", s.path)
	return nil
}

// keepOld keeps the secret of a file as FILE.old.
func keepOld(path string) error {
	old, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return atomicfile.Write(path+".old", old)
}
