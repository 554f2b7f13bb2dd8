-- What was the calmest month of each person? The share of Calm among labelled listens, in percent.
SELECT
    display_name,
    substr(CAST(day AS TEXT), 1, 7) AS month,
    CAST(round(100.0 * sum(CASE WHEN mood = 'Calm' THEN listens ELSE 0 END) / sum(listens)) AS INTEGER) AS calm_percent,
    CAST(sum(listens) AS BIGINT) AS listens
FROM mood_daily
WHERE mood <> 'Unlabelled'
GROUP BY display_name, substr(CAST(day AS TEXT), 1, 7)
ORDER BY calm_percent DESC, display_name, month;
