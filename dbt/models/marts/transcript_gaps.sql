{# Generated from internal/warehouse by `make docs`; do not edit. #}
SELECT c.project_id, c.environment, c.conversation_id, c.started_at, c.channel_family, c.transcript_status, c.num_turns, c.turns_loaded,
    CASE c.transcript_status
        WHEN 'hidden' THEN 'the source hides the turns'
        WHEN 'hidden_kept' THEN 'the source hides the turns; the stored ones remain'
        WHEN 'short' THEN 'the source returned fewer turns than it counts'
        WHEN 'none' THEN 'the conversation has no turns' END AS reason
FROM {{ ref('stg_conversations') }} AS c
WHERE c.missing_since IS NULL AND c.lifecycle = 'final' AND c.transcript_status <> 'complete'
