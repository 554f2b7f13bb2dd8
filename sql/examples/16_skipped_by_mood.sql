-- Tracks of which mood are skipped most? Only extended histories say what was skipped. A play of less than 30 s is not
-- stored, unless the history was imported with --min-ms 0.
SELECT
    display_name,
    coalesce(mood, 'Unlabelled') AS mood,
    count(*) AS listens,
    CAST(sum(skipped) AS BIGINT) AS skipped_listens
FROM listen_sessions
WHERE skipped IS NOT NULL
GROUP BY display_name, coalesce(mood, 'Unlabelled')
ORDER BY display_name, skipped_listens DESC, mood;
