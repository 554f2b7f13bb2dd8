-- Whose listens are unlabelled, and why?
SELECT
    display_name,
    unlabelled_reason,
    CAST(sum(listens) AS BIGINT) AS listens,
    count(*) AS tracks
FROM unlabelled_tracks
GROUP BY display_name, unlabelled_reason
ORDER BY display_name, unlabelled_reason;
