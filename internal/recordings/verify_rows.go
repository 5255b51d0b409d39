package recordings

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"convsync/internal/load"
	"convsync/internal/recordings/store"
	"convsync/internal/warehouse"
)

// verifyAtOnce limits the rows in memory.
const verifyAtOnce = 5000

// Starts of stored conversations are of the years 1 to 9999.
var (
	firstStart  = warehouse.TimestampOf(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC))
	endOfStarts = warehouse.TimestampOf(time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC))
)

// copyRow is a row that names a copy.
type copyRow struct {
	load.RecordingKey
	feed        load.Feed
	startedAt   warehouse.Timestamp
	uri, sha256 string
	bytes       int64 // -1: unknown
}

// copyRowOf returns false if the row names no copy. Its text is not that of the
// reference, which is only valid until the next one is read.
func copyRowOf(feed load.Feed, a *warehouse.AudioReference) (copyRow, bool) {
	if a.StoredURI == "" && !a.StoredAt.Valid {
		return copyRow{}, false
	}
	row := copyRow{
		RecordingKey: load.RecordingKeyOf(a),
		feed:         feed,
		startedAt:    a.StartedAt,
		uri:          strings.Clone(string(a.StoredURI)),
		sha256:       strings.Clone(string(a.SHA256)),
		bytes:        -1,
	}
	row.ConversationID, row.Direction = strings.Clone(a.ConversationID), strings.Clone(a.Direction)
	if a.SizeBytes.Valid {
		row.bytes = a.SizeBytes.V
	}
	return row, true
}

// rows reads the rows that name a copy, and calls use for each page of them.
func (v *verifier) rows(ctx context.Context, use func(context.Context, []copyRow) error) error {
	o := v.options
	from, until := o.From, o.Until
	if v.isWhole() {
		from, until = firstStart, endOfStarts
	}
	v.named, v.stored = nil, 0
	for _, environment := range o.Environments {
		feed := load.Feed{ProjectID: o.ProjectID, Environment: environment}
		var page []copyRow
		err := inPages(ctx, o.Destination, feed, from, until, func(c *load.RecordedConversation) (full bool, err error) {
			for i := range c.Recordings {
				a := &c.Recordings[i]
				if a.StoredAt.Valid {
					v.stored++
				}
				if row, ok := copyRowOf(feed, a); ok {
					page = append(page, row)
				}
			}
			return len(page) >= verifyAtOnce, nil
		}, func() error {
			if v.isWhole() {
				v.named.add(page)
			}
			defer func() { page = page[:0] }()
			return use(ctx, page)
		})
		if err != nil {
			return err
		}
	}
	v.named.sort()
	return nil
}

// verifyPage compares rows with their files, and repairs what differs if that is
// wanted.
func (v *verifier) verifyPage(ctx context.Context, page []copyRow) error {
	findings, err := v.compare(ctx, page)
	if err != nil || len(findings) == 0 {
		return err
	}
	// A missing disk is no loss of files.
	if _, err := v.options.OpenStore(); err != nil {
		return err
	}
	if findings, err = v.confirm(ctx, findings); err != nil {
		return err
	}
	if v.turn != nil {
		if err := v.repair(ctx, findings); err != nil {
			return err
		}
	}
	v.add(findings...)
	return nil
}

// compare compares rows with their files. A file that several rows name, as both
// versions of a recording may, is read once.
func (v *verifier) compare(ctx context.Context, page []copyRow) ([]Finding, error) {
	slices.SortStableFunc(page, func(a, b copyRow) int { return strings.Compare(a.uri, b.uri) })
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(v.options.Workers)
	results := make([][]Finding, len(page))
	for begin, end := 0, 0; begin < len(page) && reading.Err() == nil; begin = end {
		for end = begin + 1; end < len(page) && page[end].uri == page[begin].uri; {
			end++
		}
		rows, result := page[begin:end], &results[begin]
		v.found.Copies++
		group.Go(func() (err error) {
			*result, err = v.compareFile(reading, rows)
			v.options.Progress.done.Add(int64(len(rows)))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(results...), context.Cause(ctx)
}

// compareFile compares the rows that name a file with it. The error is that of ctx.
func (v *verifier) compareFile(ctx context.Context, rows []copyRow) (findings []Finding, err error) {
	file, err := v.read(ctx, rows)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		kind, row := file.Kind, &rows[i]
		if kind == "" {
			if (row.bytes < 0 || row.bytes == file.FoundBytes) && row.sha256 == file.FoundSHA256 {
				continue
			}
			kind = AlteredRecording
		}
		startedAt := row.startedAt.Time()
		findings = append(findings, Finding{
			Kind:           kind,
			Path:           row.uri,
			ConversationID: row.ConversationID,
			Direction:      row.Direction,
			Version:        version(row.Redacted),
			StartedAt:      &startedAt,
			SHA256:         row.sha256,
			SizeBytes:      max(row.bytes, 0),
			FoundSHA256:    file.FoundSHA256,
			FoundBytes:     file.FoundBytes,
			Reason:         file.Reason,
			row:            row,
		})
	}
	return findings, nil
}

// read returns what is found of the file of rows. Its kind is "" if the file was read
// or has not the size of any row, which is enough to know that it was altered.
func (v *verifier) read(ctx context.Context, rows []copyRow) (found Finding, err error) {
	uri := rows[0].uri
	if !strings.HasPrefix(uri, v.folder) {
		return Finding{Kind: LostRecording, Reason: "the row names no file in the folder of the project"}, nil
	}
	file, err := v.store.Open(uri)
	if err == nil {
		var info fs.FileInfo
		if info, err = file.Stat(); err == nil {
			found.FoundBytes = info.Size()
		}
		err = errors.Join(err, file.Close())
	}
	isSize := func(row copyRow) bool { return row.bytes < 0 || row.bytes == found.FoundBytes }
	if err == nil && slices.ContainsFunc(rows, isSize) {
		found.FoundSHA256, found.FoundBytes, err = v.store.Sum(ctx, uri)
	}
	switch {
	case ctx.Err() != nil:
		return Finding{}, context.Cause(ctx)
	case errors.Is(err, fs.ErrNotExist) && !store.IsUnavailable(err):
		return Finding{Kind: LostRecording}, nil
	case err != nil:
		return Finding{Kind: UnreadableRecording, Reason: err.Error()}, nil
	}
	if found.FoundSHA256 != "" {
		v.bytes.Add(found.FoundBytes)
		v.options.Progress.bytes.Add(found.FoundBytes)
	}
	return found, nil
}

// confirm returns the findings whose rows still are as they were read. Others were
// recorded or removed meanwhile.
func (v *verifier) confirm(ctx context.Context, findings []Finding) ([]Finding, error) {
	feed, first, last := findings[0].row.feed, findings[0].row.startedAt, findings[0].row.startedAt
	wanted := map[load.RecordingKey]*copyRow{}
	for i := range findings {
		row := findings[i].row
		wanted[row.RecordingKey] = row
		first, last = min(first, row.startedAt), max(last, row.startedAt)
	}
	unchanged := map[load.RecordingKey]bool{}
	err := v.options.Destination.Recordings(ctx, feed, first, last+1, func(c *load.RecordedConversation) error {
		for i := range c.Recordings {
			a := &c.Recordings[i]
			read := wanted[load.RecordingKeyOf(a)]
			if read != nil && string(a.StoredURI) == read.uri && string(a.SHA256) == read.sha256 {
				unchanged[read.RecordingKey] = true
			}
		}
		return nil
	})
	return slices.DeleteFunc(findings, func(f Finding) bool { return !unchanged[f.row.RecordingKey] }), err
}
