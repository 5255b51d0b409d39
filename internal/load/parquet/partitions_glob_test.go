package parquet_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet/rowfile"
	"convsync/internal/warehouse"
)

// A glob finds each conversation once at any moment, while partitions are divided
// and merged. A file that it has found may be missing when it is opened.
func TestPartitions_Glob(t *testing.T) {
	t.Parallel()
	a := newArranging(t, 3)
	var stored []*warehouse.Rows // that no batch changes
	for i := range 60 {
		row := loadtest.Conversation("p", fmt.Sprint("same-", i), a.now.AddDate(0, 0, -i))
		stored, a.want[row.Conversation.ConversationID] = append(stored, row), row
	}
	a.load(t, nil, nil, stored)
	ctx, stop := context.WithCancel(t.Context())
	type result struct {
		complete int
		err      error
	}
	results := make(chan result)
	go func() {
		complete, err := readGlobs(ctx, a.path, stored)
		results <- result{complete, err}
	}()
	for range 8 {
		a.load(t, nil, nil, a.batch())
		a.now = a.now.Add(24 * time.Hour)
	}
	stop()
	if r := <-results; r.err != nil || r.complete == 0 {
		t.Errorf("%d months were read: %v", r.complete, r.err)
	}
}

// readGlobs reads the conversations of each month until the context ends, and then
// once more. It returns how many months it could read completely.
func readGlobs(ctx context.Context, root string, stored []*warehouse.Rows) (complete int, err error) {
	for last := false; !last; {
		last = ctx.Err() != nil
		months, err := filepath.Glob(filepath.Join(root, "conversations", "*", "*"))
		if err != nil {
			return 0, err
		}
		for _, month := range months {
			found, err := idsIn(month)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return 0, err
			}
			complete++
			for id, n := range found {
				if n != 1 {
					return 0, fmt.Errorf("%s: conversation %s was found %d times", month, id, n)
				}
			}
			for _, row := range stored {
				in := "started_month=" + row.Conversation.StartedAt.Time().Format("2006-01")
				if id := row.Conversation.ConversationID; in == filepath.Base(month) && found[id] == 0 {
					return 0, fmt.Errorf("%s: conversation %s was not found", month, id)
				}
			}
		}
	}
	return complete, nil
}

// idsIn counts the conversations in the files of a folder by their ids. It lists the
// folder once.
func idsIn(folder string) (found map[string]int, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	found = map[string]int{}
	for _, e := range entries {
		ids, err := idsOf(filepath.Join(folder, e.Name()))
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			found[id]++
		}
	}
	return found, nil
}

// idsOf reads the ids of the conversations in a file.
func idsOf(path string) (ids []string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	format := rowfile.New(&warehouse.Conversations, 100, "project_id")
	r, err := rowfile.Open(context.Background(), file, format, "p", "conversation_id")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		row, err := r.Next()
		if err != nil || row == nil {
			return ids, err
		}
		ids = append(ids, row.(*warehouse.Conversation).ConversationID)
	}
}
