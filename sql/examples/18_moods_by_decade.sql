-- From which decades are the tracks of each mood?
SELECT
    mood,
    release_year / 10 * 10 AS decade,
    CAST(sum(listens) AS BIGINT) AS listens
FROM mood_by_release_year
WHERE mood <> 'Unlabelled'
GROUP BY mood, release_year / 10 * 10
ORDER BY mood, decade;
