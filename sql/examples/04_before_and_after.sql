-- Did moods change after 1 September 2026? Shares of labelled listens before that day and from it on, in percent.
SELECT
    display_name,
    mood,
    CAST(
        round(100.0 * sum(before_listens) / nullif(sum(sum(before_listens)) OVER person, 0)) AS INTEGER
    ) AS percent_before,
    CAST(
        round(100.0 * sum(after_listens) / nullif(sum(sum(after_listens)) OVER person, 0)) AS INTEGER
    ) AS percent_after
FROM (
    SELECT
        display_name,
        mood,
        CASE WHEN day < '2026-09-01' THEN listens ELSE 0 END AS before_listens,
        CASE WHEN day >= '2026-09-01' THEN listens ELSE 0 END AS after_listens
    FROM mood_daily
    WHERE mood <> 'Unlabelled'
) AS split
GROUP BY display_name, mood
WINDOW person AS (PARTITION BY display_name)
ORDER BY display_name, mood;
