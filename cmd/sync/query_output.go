package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/term"

	"convsync/internal/answer"
	"convsync/internal/answer/parquet"
)

// queryFormats are the formats of answers.
var queryFormats = []string{"table", "csv", "jsonl", "markdown", "parquet"}

// queryEndings are the formats that the names of files have.
var queryEndings = map[string]string{".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".md": "markdown", ".parquet": "parquet", ".txt": "table"}

// terminalWidth returns the number of columns of a terminal.
func terminalWidth(stream any) int {
	if file, ok := stream.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}

// write writes the rows to the file or to stdout.
func (s *querySession) write(ctx context.Context, rows answer.Rows) (written int, more bool, err error) {
	if s.out == "" {
		return s.writer(s.stdout()).Write(ctx, rows, s.limit)
	}
	f, err := openInPlace(s.out)
	if f != nil {
		written, more, err = s.writer(f).Write(ctx, rows, s.limit)
		return written, more, errors.Join(err, f.Close())
	}
	if err == nil {
		f, err = os.CreateTemp(filepath.Dir(s.out), ".convsync-query-*")
	}
	if err != nil {
		return 0, false, cannotWrite(s.out, err)
	}
	written, more, err = s.writer(f).Write(ctx, rows, s.limit)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), s.out)
	}
	if err != nil {
		return 0, false, errors.Join(fmt.Errorf("cannot write %s: %w", s.out, err), os.Remove(f.Name()))
	}
	return written, more, nil
}

// stdout returns where answers are written. On a terminal, control characters are
// escaped; a program gets the data as it is.
func (s *querySession) stdout() io.Writer {
	if s.width > 0 {
		return s.app.stdout
	}
	return s.app.plainStdout
}

func (s *querySession) writer(to io.Writer) answer.Writer {
	switch s.format {
	case "csv":
		return answer.CSV{To: to}
	case "jsonl":
		return answer.JSONLines{To: to}
	case "markdown":
		return answer.Markdown{To: to}
	case "parquet":
		return parquet.Writer{To: to}
	}
	return answer.Table{To: to, Width: s.width, Records: s.record}
}
