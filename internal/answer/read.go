package answer

import (
	"context"
	"errors"
	"io"
)

// Read asks a statement and returns all rows of its answer, which have to fit in memory.
func Read(ctx context.Context, source Source, s Statement) (columns []Column, all [][]any, err error) {
	rows, err := source.Ask(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for {
		row, err := rows.Next(ctx)
		if errors.Is(err, io.EOF) {
			return rows.Columns(), all, nil
		}
		if err != nil {
			return nil, nil, err
		}
		all = append(all, row)
	}
}
