-- Whose listens are unlabelled, and why?
SELECT
    display_name,
    unlabelled_reason,
    count(*) AS listens,
    count(DISTINCT track_id) AS tracks
FROM mood_history
WHERE mood IS NULL
GROUP BY display_name, unlabelled_reason
ORDER BY display_name, unlabelled_reason;
