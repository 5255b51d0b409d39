//go:build cgo

package bench

import (
	"database/sql"
	"fmt"
	"os"

	_ "github.com/duckdb/duckdb-go/v2" // the driver
)

// duckdbHelper loads prepared data into a folder of Parquet files, as an analyst
// would: duckdb NDJSON FOLDER. All types are given. It makes conversations and
// turns; no normalization, keys, hashes, metrics or entities.
func duckdbHelper(args []string) error {
	db, err := sql.Open("duckdb", "?autoinstall_known_extensions=false&autoload_known_extensions=false")
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if err := os.MkdirAll(args[1], 0o700); err != nil {
		return err
	}
	for _, statement := range []string{
		"SET TimeZone = 'UTC'",
		"SET preserve_insertion_order = false",
		fmt.Sprintf(readConversations, args[0]),
		fmt.Sprintf(writeConversations, args[1]),
		fmt.Sprintf(writeTurns, args[1]),
	} {
		if _, err := db.Exec(statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

const readConversations = `CREATE TEMP TABLE source AS
SELECT *, started_at::DATE AS started_date FROM read_json('%s', format = 'newline_delimited', columns = {
  id: 'VARCHAR', account_id: 'VARCHAR', project_id: 'VARCHAR', variant_id: 'VARCHAR', variant_name: 'VARCHAR',
  environment: 'VARCHAR', started_at: 'TIMESTAMPTZ', channel: 'VARCHAR', from_number: 'VARCHAR', to_number: 'VARCHAR',
  in_progress: 'BOOLEAN', num_turns: 'BIGINT', total_duration: 'BIGINT', polyai_duration: 'BIGINT', handoff: 'BOOLEAN',
  handoff_reason: 'VARCHAR', handoff_destination: 'VARCHAR', num_silences: 'BIGINT', num_ood: 'BIGINT', note: 'VARCHAR',
  metrics: 'JSON', state: 'JSON',
  turns: 'STRUCT(user_input VARCHAR, user_input_dtmf VARCHAR, user_input_datetime TIMESTAMPTZ, agent_response VARCHAR,
    agent_response_datetime TIMESTAMPTZ, latency DOUBLE, translated_user_input VARCHAR, english_agent_response VARCHAR,
    intents VARCHAR[], entities JSON, is_ood BOOLEAN, is_silence BOOLEAN, barge_in BOOLEAN)[]'})`

const writeConversations = `COPY (SELECT * EXCLUDE (turns) FROM source)
TO '%s/conversations' (FORMAT parquet, PARTITION_BY (project_id, started_date), COMPRESSION zstd)`

const writeTurns = `COPY (SELECT project_id, id AS conversation_id, started_at, started_date, i - 1 AS turn_index, turn.*
  FROM (SELECT project_id, id, started_at, started_date, unnest(turns) AS turn, generate_subscripts(turns, 1) AS i FROM source))
TO '%s/turns' (FORMAT parquet, PARTITION_BY (project_id, started_date), COMPRESSION zstd)`
