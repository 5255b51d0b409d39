package parquet

import "os"

// openToRead opens a file of the lake for reading.
func (l *Lake) openToRead(path string) (*os.File, error) {
	l.note(path)
	return os.Open(path)
}

// readFile reads a file of the lake.
func (l *Lake) readFile(path string) ([]byte, error) {
	l.note(path)
	return os.ReadFile(path)
}

// readFolder lists a folder of the lake.
func (l *Lake) readFolder(path string) ([]os.DirEntry, error) {
	l.note(path)
	return os.ReadDir(path)
}

// note reports the path of an opened file or folder to a test.
func (l *Lake) note(path string) {
	if l.opened != nil {
		l.opened(path)
	}
}
