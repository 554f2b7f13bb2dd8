-- Whose listens are unlabelled, and why?
SELECT
    display_name,
    unlabelled_reason,
    count(*) AS listens,
    count(DISTINCT track_id) AS tracks
FROM unlabelled_listens
GROUP BY display_name, unlabelled_reason
ORDER BY display_name, unlabelled_reason;
