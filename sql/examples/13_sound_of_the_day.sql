-- How does the music of the morning, afternoon, evening and night differ?
SELECT
    display_name,
    CASE
        WHEN local_hour < 6 THEN 'night'
        WHEN local_hour < 12 THEN 'morning'
        WHEN local_hour < 18 THEN 'afternoon'
        ELSE 'evening'
    END AS part_of_day,
    count(*) AS listens,
    round(CAST(avg(energy) AS NUMERIC), 2) AS energy,
    round(CAST(avg(valence) AS NUMERIC), 2) AS valence,
    round(CAST(avg(tempo) AS NUMERIC), 0) AS tempo
FROM listen_features
GROUP BY
    display_name,
    CASE
        WHEN local_hour < 6 THEN 'night'
        WHEN local_hour < 12 THEN 'morning'
        WHEN local_hour < 18 THEN 'afternoon'
        ELSE 'evening'
    END
ORDER BY display_name, part_of_day;
