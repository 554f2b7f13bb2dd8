-- From which decades are the tracks of each mood?
SELECT
    mood,
    release_year / 10 * 10 AS decade,
    count(*) AS listens
FROM listen_features
WHERE mood IS NOT NULL AND release_year IS NOT NULL
GROUP BY mood, release_year / 10 * 10
ORDER BY mood, decade;
