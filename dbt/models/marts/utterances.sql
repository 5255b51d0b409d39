{# Generated from internal/warehouse by `make docs`; do not edit. #}
SELECT t.project_id, c.environment, t.conversation_id, t.started_at, t.turn_index, CAST(s.part AS bigint) AS part, s.speaker,
    CASE s.part WHEN 0 THEN t.user_input_at ELSE t.agent_response_at END AS spoken_at,
    CASE s.part WHEN 0 THEN t.user_input ELSE t.agent_response END AS text,
    CASE s.part WHEN 0 THEN t.translated_user_input ELSE t.english_agent_response END AS english_text,
    CASE s.part WHEN 0 THEN t.user_language ELSE t.agent_language END AS language
FROM {{ ref('stg_turns') }} AS t
JOIN {{ ref('stg_conversations') }} AS c ON c.project_id = t.project_id AND c.conversation_id = t.conversation_id AND c.started_at = t.started_at
CROSS JOIN (VALUES (0, 'user'), (1, 'agent')) AS s (part, speaker)
WHERE c.missing_since IS NULL AND CASE s.part WHEN 0 THEN t.user_input ELSE t.agent_response END IS NOT NULL
