package recordings

import (
	"context"
	"errors"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// errEnough ends the reading of a page.
var errEnough = errors.New("the page is full")

// inPages reads the conversations of a feed that started within [from, until). It
// calls collect for each of them until collect reports that the page is full, and then
// use, while nothing is read: a destination is not written, and no file is read, with
// a query open. A full page ends with all conversations of its last start.
func inPages(ctx context.Context, d load.RecordingReader, feed load.Feed, from, until warehouse.Timestamp,
	collect func(*load.RecordedConversation) (full bool, err error), use func() error,
) error {
	for {
		last, full := from, false
		err := d.Recordings(ctx, feed, from, until, func(c *load.RecordedConversation) (err error) {
			// Conversations with the same start are read again if they are separated.
			if full && c.StartedAt > last {
				last = c.StartedAt
				return errEnough
			}
			last = c.StartedAt
			full, err = collect(c)
			return err
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
		if used := use(); used != nil {
			return used
		}
		if err == nil {
			return nil
		}
		from = last
	}
}
