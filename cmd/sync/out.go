package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"convsync/internal/atomicfile"
)

// writeOut writes the file that -o names.
func writeOut(path string, data []byte) error {
	f, err := openInPlace(path)
	switch {
	case f != nil:
		_, err = f.Write(data)
		err = errors.Join(err, f.Close())
	case err == nil:
		err = atomicfile.Write(path, data)
	}
	if err != nil {
		return cannotWrite(path, err)
	}
	return nil
}

// checkOut reports before the work begins that the file that -o names cannot be written,
// because there is no folder for it.
func checkOut(path string) error {
	if path == "" {
		return nil
	}
	folder := filepath.Dir(path)
	switch info, err := os.Stat(folder); {
	case errors.Is(err, fs.ErrNotExist):
		return codedError(exitUsage, fmt.Errorf("cannot write %s: there is no folder %s; create it first", path, folder))
	case err != nil:
		return codedError(exitUsage, cannotWrite(path, err))
	case !info.IsDir():
		return codedError(exitUsage, fmt.Errorf("cannot write %s: %s is not a folder", path, folder))
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return codedError(exitUsage, fmt.Errorf("cannot write %s: it is a folder; name a file in it", path))
	}
	return nil
}

// openInPlace opens a device, a pipe or a link, such as /dev/stdout: renaming a new file
// to its name would replace it. It returns nil for a file that can be replaced.
func openInPlace(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	switch {
	case err != nil || info.Mode().IsRegular():
		return nil, nil
	case info.IsDir():
		return nil, errors.New("it is a folder")
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_TRUNC|os.O_CREATE, 0o600) // a link may have no file yet
}

// cannotWrite leaves out the name of the temporary file.
func cannotWrite(path string, err error) error {
	var inPath *fs.PathError
	var inLink *os.LinkError
	switch {
	case errors.As(err, &inPath):
		err = inPath.Err
	case errors.As(err, &inLink):
		err = inLink.Err
	}
	return fmt.Errorf("cannot write %s: %w", path, err)
}
