-- The default partitions go. While there is one, attaching a month waits for
-- everyone who reads the table, and blocks everyone who comes after. Years that
-- have no months get two partitions of their own, made with their first row.

-- +goose Up
-- +goose StatementBegin
DO $$
DECLARE
    parent text;
    columns text;
    part record;
BEGIN
    FOREACH parent IN ARRAY ARRAY['conversations', 'turns', 'turn_entities', 'conversation_metrics', 'audio_references'] LOOP
        EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, parent || '_default');
        FOR part IN EXECUTE format(
            'SELECT DISTINCT CASE
                    WHEN started_at < ''2015-01-01 00:00:00+00'' THEN ''before_2015''
                    WHEN started_at >= ''2100-01-01 00:00:00+00'' THEN ''from_2100''
                    ELSE to_char(started_at AT TIME ZONE ''UTC'', ''YYYY_MM'') END AS suffix
                FROM %I', parent || '_default') LOOP
            EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%s) TO (%s)',
                parent || '_' || part.suffix, parent,
                CASE part.suffix
                    WHEN 'before_2015' THEN 'MINVALUE'
                    WHEN 'from_2100' THEN '''2100-01-01 00:00:00+00'''
                    ELSE format('''%s-01 00:00:00+00''', replace(part.suffix, '_', '-')) END,
                CASE part.suffix
                    WHEN 'before_2015' THEN '''2015-01-01 00:00:00+00'''
                    WHEN 'from_2100' THEN 'MAXVALUE'
                    ELSE to_char(to_date(part.suffix, 'YYYY_MM') + interval '1 month', '''YYYY-MM-DD 00:00:00+00''') END);
        END LOOP;
        -- Columns that were added by hand may be generated.
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns
        FROM pg_attribute
        WHERE attrelid = parent::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
        EXECUTE format('INSERT INTO %I (%s) SELECT %s FROM %I', parent, columns, columns, parent || '_default');
        EXECUTE format('DROP TABLE %I', parent || '_default');
    END LOOP;
END $$;
-- +goose StatementEnd
