package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"convsync/internal/query"
	"convsync/internal/warehouse"
)

// printLanded prints what lies in the lake, and the answers to the questions.
func printLanded(ctx context.Context, w io.Writer, path string) error {
	db, err := query.OpenLake(ctx, path)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // nothing is written
	fmt.Fprintln(w, "\nTables:")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, m := range warehouse.Members() {
		table := m.Spec().Name
		rows, err := db.Query(ctx, "SELECT count(*) FROM "+table)
		if err != nil {
			return err
		}
		files, bytes := folderSize(filepath.Join(path, table))
		fmt.Fprintf(t, "  %s\t%v rows\t%d files\t%.1f MB\n", table, rows.Rows[0][0], files, float64(bytes)/1e6)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, q := range demoQuestions {
		result, err := db.Query(ctx, q.sql)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "\n%s\n%s\n\n", q.title, q.sql)
		if err := printTable(w, result); err != nil {
			return err
		}
	}
	return nil
}

func folderSize(path string) (files int, bytes int64) {
	_ = filepath.WalkDir(path, func(_ string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil //nolint:nilerr // the size is for people only
		}
		if info, err := entry.Info(); err == nil {
			files++
			bytes += info.Size()
		}
		return nil
	})
	return files, bytes
}

// printTable prints a result in columns.
func printTable(w io.Writer, r *query.Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  "+strings.Join(r.Columns, "\t"))
	for _, row := range r.Rows {
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = fmt.Sprint(v)
		}
		fmt.Fprintln(t, "  "+strings.Join(cells, "\t"))
	}
	return t.Flush()
}
