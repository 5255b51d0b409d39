package postgres

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

// benchmarkRecordings is the number of voice conversations, each with a reference,
// over a year.
const benchmarkRecordings = 1_000_000

// BenchmarkRecordings reads from many references of a project, none of which is
// checked, or all of which are stored.
func BenchmarkRecordings(b *testing.B) {
	d, database := prepared(b)
	schema := inSchema(b, database, "polyai")
	fillRecordings(b, d, schema)
	listed := load.Backlog{Kinds: []load.RecordingKind{raw}, DueAt: never, Store: true, Limit: 500}
	kinds := map[string][]load.RecordingKind{"p": listed.Kinds}
	reads := func(name string, due int) {
		b.Run(name+"/backlog", func(b *testing.B) {
			for b.Loop() {
				if found, err := d.Backlog(b.Context(), "p", listed); err != nil || len(found) != due {
					b.Fatalf("%d are due, %v", len(found), err)
				}
			}
		})
		b.Run(name+"/counts", func(b *testing.B) {
			for b.Loop() {
				if counts, err := d.RecordingCounts(b.Context(), kinds); err != nil || counts["p"].Unchecked+counts["p"].Stored != benchmarkRecordings {
					b.Fatalf("counted %+v, %v", counts, err)
				}
			}
		})
	}
	reads("unknown", listed.Limit)
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			n := 0
			err := d.Recordings(b.Context(), feed, ever, never, func(r *load.RecordedConversation) error { n += len(r.Recordings); return nil })
			if err != nil || n != benchmarkRecordings {
				b.Fatalf("%d are listed, %v", n, err)
			}
		}
	})
	pgtest.Exec(b, schema, "UPDATE audio_references SET availability = 'available', checked_at = started_at, stored_at = started_at,"+
		" size_bytes = 1000, sha256 = md5(conversation_id) || md5(conversation_id), stored_uri = conversation_id", "VACUUM ANALYZE")
	reads("stored", 0)
}

// fillRecordings adds conversations without parts except their references.
func fillRecordings(b *testing.B, d *Database, schema string) {
	err := pgx.BeginFunc(b.Context(), d.pool, func(tx pgx.Tx) error {
		for month := range 13 {
			if err := attach(b.Context(), tx, periodOf(loadtest.Noon.AddDate(0, month, 0)), partitioned); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	every := (365 * 24 * time.Hour / benchmarkRecordings).String()
	start := "timestamptz '" + loadtest.Noon.Format(time.RFC3339) + "' + n * interval '" + every + "'"
	made := " FROM (SELECT md5(n::text) AS id, " + start + " AS at FROM generate_series(0, $1 - 1) AS n) AS made"
	for _, statement := range []string{
		"INSERT INTO conversations (account_id, project_id, conversation_id, environment, channel_family, started_at, lifecycle, turns_loaded," +
			" transcript_status, latency_turns, api_version, content_hash, shape, first_seen_at, updated_at, run_id, from_number, to_number, summary)" +
			" SELECT 'a', 'p', id, 'live', 'voice', at, 'final', 0, 'none', 0, 'v', id, 's', at, at, 'r', '+447700900123', '+447700900100', repeat(id, 10)" + made,
		"INSERT INTO conversation_keys (project_id, conversation_id, environment, started_at, lifecycle, content_hash, first_seen_at)" +
			" SELECT 'p', id, 'live', at, 'final', id, at" + made,
		"INSERT INTO audio_references (project_id, conversation_id, direction, redacted, started_at, url, availability)" +
			" SELECT 'p', id, 'combined', false, at, 'https://audio.example.com/v1/agents/p/conversations/' || id || '/audio', '" + warehouse.AudioUnknown + "'" + made,
	} {
		if _, err := d.pool.Exec(b.Context(), statement, benchmarkRecordings); err != nil {
			b.Fatal(err)
		}
	}
	pgtest.Exec(b, schema, "VACUUM ANALYZE")
}
