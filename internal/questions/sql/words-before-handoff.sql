-- Words before a handoff
--
-- Words that users said in their last three turns, if they are more frequent in conversations that were handed
-- off than in contained ones, by log-odds with a prior: each group is mixed with 10 conversations of the base
-- rate, so that rare words do not lead. z is the log-odds divided by its standard error; beyond 2 is not chance.
--
-- Note: a word that comes before a handoff is not its cause: callers who ask for a person say so.
--
-- $from = 28 days: first local day
-- $to = complete: local day after the last one
-- $project = all: a project id
-- $environment = live: an environment, or all
-- $rows = 30: number of words
WITH ended AS (
    SELECT project_id, conversation_id, started_at, outcome = 'handed_off' AS handed_off
    FROM contacts
    WHERE started_at >= CAST($from AS date) - interval '48 hours' AND started_at < CAST($to AS date) + interval '48 hours'
        AND day >= CAST($from AS date) AND day < CAST($to AS date)
        AND $project IN ('all', project_id) AND $environment IN ('all', environment)
        AND outcome IN ('handed_off', 'contained')
), said AS (
    SELECT e.handed_off, e.project_id, e.conversation_id, x.user_input,
        row_number() OVER (PARTITION BY x.project_id, x.conversation_id ORDER BY x.turn_index DESC) AS from_end
    FROM ended AS e
    JOIN turns AS x ON x.project_id = e.project_id AND x.conversation_id = e.conversation_id AND x.started_at = e.started_at
    WHERE x.started_at >= CAST($from AS date) - interval '48 hours' AND x.started_at < CAST($to AS date) + interval '48 hours'
        AND x.user_input IS NOT NULL
), words AS (
    SELECT DISTINCT handed_off, project_id, conversation_id,
        unnest(string_to_array(trim(regexp_replace(lower(user_input), '[\x01-/:-@\[-`{-\x7f«»‐-…¿¡]+', ' ', 'g')), ' ')) AS word
    FROM said
    WHERE from_end <= 3
), groups AS (
    SELECT CAST(count(DISTINCT CASE WHEN handed_off THEN project_id || ' ' || conversation_id END) AS double precision) AS handed_off,
        CAST(count(DISTINCT CASE WHEN NOT handed_off THEN project_id || ' ' || conversation_id END) AS double precision) AS contained
    FROM said
), counts AS (
    SELECT word, count(*) FILTER (WHERE handed_off) AS handed_off, count(*) FILTER (WHERE NOT handed_off) AS contained
    FROM words
    WHERE length(word) >= 2
    GROUP BY word
), mixed AS (
    SELECT c.word, c.handed_off, c.contained, g.handed_off AS all_handed_off, g.contained AS all_contained,
        10 * (c.handed_off + c.contained + 1) / (g.handed_off + g.contained + 2) AS prior
    FROM counts AS c
    CROSS JOIN groups AS g
), odds AS (
    SELECT *,
        ln((handed_off + prior) / (all_handed_off + 10 - handed_off - prior)) - ln((contained + prior) / (all_contained + 10 - contained - prior)) AS log_odds,
        sqrt(1 / (handed_off + prior) + 1 / (contained + prior)) AS error
    FROM mixed
)
SELECT word, handed_off, floor(handed_off / nullif(all_handed_off, 0) * 1000 + 0.5) / 1000 AS share_of_handed_off,
    contained, floor(contained / nullif(all_contained, 0) * 1000 + 0.5) / 1000 AS share_of_contained,
    floor(log_odds * 100 + 0.5) / 100 AS log_odds, floor(log_odds / error * 100 + 0.5) / 100 AS z
FROM odds
WHERE log_odds > 0 AND handed_off >= 2
ORDER BY floor(log_odds / error * 100 + 0.5) DESC, handed_off DESC, word
LIMIT CAST($rows AS bigint)
