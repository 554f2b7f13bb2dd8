-- How do weekends differ from weekdays? Shares of labelled listens, in percent.
SELECT
    display_name,
    mood,
    CAST(
        round(100.0 * sum(CASE WHEN weekday <= 5 THEN listens ELSE 0 END) / sum(listens)) AS INTEGER
    ) AS weekday_percent,
    CAST(sum(listens) AS BIGINT) AS listens
FROM mood_by_weekday
WHERE mood <> 'Unlabelled'
GROUP BY display_name, mood
ORDER BY display_name, mood;
