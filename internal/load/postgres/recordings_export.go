package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/panics"
	"convsync/internal/warehouse"
)

// pageRecorded is the number of conversations that [Database.Recordings] reads at
// a time.
const pageRecorded = 2000

// recordedPage reads voice conversations of a feed with their references. It
// takes the arguments of pageOfKeys.
var recordedPage = func() string {
	var columns []string
	for _, i := range recorded.columns {
		columns = append(columns, "c."+recorded.Columns[i].Name)
	}
	for _, name := range audio.Names() {
		columns = append(columns, "a."+name)
	}
	return "SELECT " + strings.Join(columns, ", ") + ` FROM (SELECT * FROM conversations
		WHERE project_id = $1 AND environment = $2 AND started_at >= $3 AND started_at < $5
			AND (started_at > $3 OR conversation_id COLLATE "C" > $4) AND channel_family = '` + warehouse.ChannelVoice + `'
		ORDER BY started_at, conversation_id COLLATE "C" LIMIT $6) AS c
	LEFT JOIN LATERAL (SELECT * FROM audio_references WHERE project_id = $1 AND conversation_id = c.conversation_id
		AND started_at = c.started_at OFFSET 0) AS a ON true
	ORDER BY c.started_at, c.conversation_id COLLATE "C"` + strings.ReplaceAll(orderOf(&audio.Spec), ", ", ", a.")
}()

// Recordings implements [load.RecordingReader]. Each page is one snapshot, and is read
// while the caller uses the one before, so that server and client work at the same
// time. A conversation whose start moves meanwhile may be read at both starts or at
// neither.
func (d *Database) Recordings(
	ctx context.Context, feed load.Feed, from, until warehouse.Timestamp, yield func(*load.RecordedConversation) error,
) error {
	if ready, err := d.ready(ctx); err != nil || !ready {
		return err
	}
	return d.recordedPages(ctx, feed, page{after: from.Time(), until: until.Time()}, pageRecorded, yield)
}

// recordedPages reads pages of size conversations.
func (d *Database) recordedPages(ctx context.Context, feed load.Feed, next page, size int, yield func(*load.RecordedConversation) error) error {
	ctx, cancel := context.WithCancel(ctx)
	coming := d.readAhead(ctx, feed, next, size)
	defer func() { cancel(); <-coming }() // the caller may close the pool
	for {
		p := <-coming
		isLast := len(p.read) < size
		if p.err == nil && !isLast {
			last := &p.read[len(p.read)-1]
			next.after, next.id = last.StartedAt.Time(), last.ConversationID
			coming = d.readAhead(ctx, feed, next, size)
		}
		if p.err != nil {
			return d.describe(p.err)
		}
		for i := range p.read {
			if err := yield(&p.read[i]); err != nil {
				return err
			}
		}
		if isLast {
			return nil
		}
	}
}

// recordedRead is the result of reading a page.
type recordedRead struct {
	read []load.RecordedConversation
	err  error
}

// readAhead starts to read a page. The channel is closed after the result.
func (d *Database) readAhead(ctx context.Context, feed load.Feed, at page, size int) <-chan recordedRead {
	out := make(chan recordedRead, 1)
	go func() {
		defer close(out)
		read, err := d.recordedPage(ctx, feed, at, size)
		out <- recordedRead{read, err}
	}()
	return out
}

func (d *Database) recordedPage(ctx context.Context, feed load.Feed, at page, size int) (read []load.RecordedConversation, err error) {
	defer panics.Recover(&err)
	err = pgx.BeginTxFunc(ctx, d.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := inIndexOrder(ctx, tx); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, recordedPage, pgx.QueryResultFormats{pgx.BinaryFormatCode},
			feed.ProjectID, feed.Environment, at.after, at.id, at.until, size)
		if err != nil {
			return err
		}
		read, err = decodeRecorded(rows)
		return err
	})
	return read, err
}

// decodeRecorded decodes rows of a conversation and a reference, which is NULL if
// the conversation has none.
func decodeRecorded(found pgx.Rows) (read []load.RecordedConversation, err error) {
	defer found.Close()
	var c warehouse.Conversation
	var a warehouse.AudioReference
	fields := recorded.table.Fields(nil, &c, recorded.columns)
	own := len(fields)
	fields = audio.table.Fields(fields, &a, audio.columns)
	for found.Next() {
		c, a = warehouse.Conversation{}, warehouse.AudioReference{}
		values := found.RawValues()
		if values[own] == nil {
			values = values[:own]
		}
		for i, raw := range values {
			if err := decodeField(raw, fields[i]); err != nil {
				return nil, err
			}
		}
		if n := len(read); n == 0 || read[n-1].ConversationID != c.ConversationID {
			read = append(read, load.RecordedOf(&c))
		}
		if len(values) > own {
			last := &read[len(read)-1]
			last.Recordings = append(last.Recordings, a)
		}
	}
	return read, found.Err()
}
