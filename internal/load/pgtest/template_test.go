package pgtest_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load/pgtest"
)

func TestTemplate(t *testing.T) {
	t.Parallel()
	prepared := 0
	template := pgtest.Template{Prepare: func(database string) error {
		prepared++
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, database)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, "CREATE TABLE prepared ()")
		return err
	}}
	one, other := template.URL(t), template.URL(t)
	pgtest.Exec(t, one, "CREATE TABLE only_here ()")
	wantTables(t, one, "only_here", "prepared")
	wantTables(t, other, "prepared")
	if prepared != 1 {
		t.Errorf("prepared %d times", prepared)
	}
}
