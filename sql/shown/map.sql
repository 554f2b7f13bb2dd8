-- Listens by valence and energy in steps of 0.05. NUMERIC rounds halves up, as SQLite does; DOUBLE PRECISION would not.
SELECT
    CAST(round(CAST(coalesce(f.valence, e.valence) * 20 AS NUMERIC)) AS INTEGER) AS valence_cell,
    CAST(round(CAST(coalesce(f.energy, e.energy) * 20 AS NUMERIC)) AS INTEGER) AS energy_cell,
    h.mood,
    sum(h.listens) AS listens
FROM (
    SELECT
        track_id,
        mood,
        count(*) AS listens
    FROM mood_history
    WHERE user_id = :user AND local_day >= :first AND local_day <= :last AND mood IS NOT NULL
    GROUP BY track_id, mood
) AS h
INNER JOIN tracks AS t ON h.track_id = t.track_id
LEFT JOIN audio_features AS f ON t.track_key = f.track_key
LEFT JOIN estimated_features AS e ON t.track_key = e.track_key
GROUP BY valence_cell, energy_cell, h.mood
ORDER BY valence_cell, energy_cell, h.mood;
