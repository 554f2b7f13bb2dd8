-- How does the music of the morning, afternoon, evening and night differ?
SELECT
    display_name,
    part_of_day,
    CAST(sum(listens) AS BIGINT) AS listens,
    round(CAST(sum(energy * listens) / sum(listens) AS NUMERIC), 2) AS energy,
    round(CAST(sum(valence * listens) / sum(listens) AS NUMERIC), 2) AS valence,
    round(CAST(sum(tempo * listens) / sum(listens) AS NUMERIC), 0) AS tempo
FROM (
    SELECT
        display_name,
        listens,
        energy,
        valence,
        tempo,
        CASE
            WHEN hour < 6 THEN 'night'
            WHEN hour < 12 THEN 'morning'
            WHEN hour < 18 THEN 'afternoon'
            ELSE 'evening'
        END AS part_of_day
    FROM sound_by_hour
) AS hours
GROUP BY display_name, part_of_day
ORDER BY display_name, part_of_day;
