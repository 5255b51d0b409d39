package report

import (
	"context"
	"errors"
	"testing"

	"convsync/internal/answer"
	"convsync/internal/panics"
	"convsync/internal/warehouse"
)

// shaken panics in the statements of a source that it shares.
type shaken struct{ answer.Source }

func (s shaken) Share(context.Context) (answer.Source, error)             { return s, nil }
func (shaken) Ask(context.Context, answer.Statement) (answer.Rows, error) { panic("made up") }
func (shaken) Close() error                                               { return nil }

// TestReadLatencies_Panic checks that a panic next to the other statements is an error.
func TestReadLatencies_Panic(t *testing.T) {
	t.Parallel()
	c := &collector{statement: statement{dialect: warehouse.Postgres}}
	_, err := c.readLatencies(t.Context(), shaken{})()
	var caught *panics.Error
	if !errors.As(err, &caught) {
		t.Errorf("the error is %v", err)
	}
}
