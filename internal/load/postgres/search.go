package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"convsync/internal/warehouse"
)

// IndexSearch creates the index for search. It builds the index of each month in a
// transaction of its own, so that loads of other months continue, and so that the next
// attempt continues where this one stopped. report is called before each step.
// Partitions that are created later get the index with the table.
func (d *Database) IndexSearch(ctx context.Context, report func(step string)) error {
	if err := d.dropOldIndex(ctx); err != nil {
		return err
	}
	err := d.index(ctx, fmt.Sprintf("CREATE INDEX IF NOT EXISTS %s ON ONLY turns USING gin ((%s))", warehouse.SearchIndex, warehouse.SearchIndexKey()))
	if err != nil {
		return err
	}
	missing, err := d.unsearched(ctx)
	if err != nil {
		return err
	}
	for _, partition := range missing {
		report("indexing " + partition + " for search")
		err := d.index(ctx, fmt.Sprintf("CREATE INDEX %[1]s_words ON %[1]s USING gin ((%[2]s)); ALTER INDEX %[3]s ATTACH PARTITION %[1]s_words",
			partition, warehouse.SearchIndexKey(), warehouse.SearchIndex))
		if err != nil {
			return err
		}
	}
	return d.analyzeSearch(ctx, report)
}

// analyzeSearch collects statistics about the words of the months that have none. Without
// them, Postgres expects so many hits that it reads all conversations.
func (d *Database) analyzeSearch(ctx context.Context, report func(step string)) error {
	unknown, err := d.partitions(ctx, `SELECT t.relname FROM pg_inherits AS p
		JOIN pg_index AS i ON i.indexrelid = p.inhrelid JOIN pg_class AS w ON w.oid = i.indexrelid JOIN pg_class AS t ON t.oid = i.indrelid
		WHERE p.inhparent = $1::regclass AND t.reltuples <> 0
			AND NOT EXISTS (SELECT FROM pg_stats AS s WHERE s.schemaname = current_schema() AND s.tablename = w.relname)
		ORDER BY 1 DESC`)
	if err != nil {
		return err
	}
	for _, partition := range unknown {
		report("collecting statistics of " + partition)
		if _, err := d.pool.Exec(ctx, "ANALYZE "+partition); err != nil {
			return d.describe(err)
		}
	}
	return nil
}

// dropOldIndex drops the index of a version that did not compose characters.
func (d *Database) dropOldIndex(ctx context.Context) error {
	var old bool
	err := d.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
		WHERE i.indrelid = 'turns'::regclass AND c.relname = $1 AND pg_get_indexdef(c.oid) NOT ILIKE '%normalize(%')`, warehouse.SearchIndex).Scan(&old)
	if err != nil {
		return d.describe(err)
	}
	if !old {
		return nil
	}
	return d.index(ctx, "DROP INDEX "+warehouse.SearchIndex) // with those of the months
}

// index executes statements in a transaction that other changes of the layout wait for.
func (d *Database) index(ctx context.Context, statements string) error {
	err := pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		if err := d.lockLayout(ctx, tx); err != nil {
			return err
		}
		return tx.Conn().PgConn().Exec(ctx, statements).Close()
	})
	return d.describe(d.locked(ctx, err, writerLock))
}

// unsearched lists the partitions of turns without the index, the newest first.
func (d *Database) unsearched(ctx context.Context) ([]string, error) {
	return d.partitions(ctx, `SELECT c.relname FROM pg_inherits AS p JOIN pg_class AS c ON c.oid = p.inhrelid
		WHERE p.inhparent = 'turns'::regclass AND NOT EXISTS (
			SELECT FROM pg_index AS i JOIN pg_inherits AS a ON a.inhrelid = i.indexrelid
			WHERE i.indrelid = p.inhrelid AND a.inhparent = $1::regclass)
		ORDER BY 1 DESC`)
}

// partitions returns the names that a query for the index finds.
func (d *Database) partitions(ctx context.Context, query string) ([]string, error) {
	rows, err := d.pool.Query(ctx, query, warehouse.SearchIndex)
	if err != nil {
		return nil, d.describe(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return names, d.describe(err)
}
