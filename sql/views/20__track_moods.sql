-- One row per track: its mood by the current model, or the reason why it has none. estimated is 1 if the label is from
-- features that were estimated from audio, by the model for these.
CREATE VIEW _track_moods AS
SELECT
    t.track_key,
    t.track_id,
    t.track,
    t.artists,
    t.album,
    t.release_date,
    t.release_year,
    t.release_year_source,
    t.duration_ms,
    m.mood,
    m.p_calm,
    m.p_energetic,
    m.p_happy,
    m.p_sad,
    m.mood_set,
    m.uncertain,
    m.out_of_distribution,
    c.model_version,
    s.source AS feature_source,
    m.labelled_at_ms,
    CASE
        -- Counted by the key, because PostgreSQL would hash the whole table for an EXISTS.
        WHEN m.mood IS NOT NULL THEN NULL
        WHEN (SELECT count(*) FROM audio_features AS f WHERE f.track_key = t.track_key) > 0 THEN 'not labelled yet'
        WHEN (SELECT count(*) FROM estimated_features AS e WHERE e.track_key = t.track_key) > 0 THEN 'not labelled yet'
        WHEN t.kind = 'local' THEN 'local file'
        WHEN (SELECT count(*) FROM feature_misses AS n WHERE n.track_key = t.track_key) > 0 THEN 'no features known'
        ELSE 'features not asked for yet'
    END AS unlabelled_reason,
    -- In double precision: PostgreSQL would add up singles.
    CAST(m.p_calm AS DOUBLE PRECISION) + m.p_sad AS soft,
    CAST(m.p_energetic AS DOUBLE PRECISION) + m.p_happy AS lively,
    CAST(m.p_calm AS DOUBLE PRECISION) + m.p_happy - m.p_energetic - m.p_sad AS mood_valence,
    CAST(m.p_energetic AS DOUBLE PRECISION) + m.p_happy - m.p_calm - m.p_sad AS mood_energy,
    -- Each mood is a corner at 1 or -1: the variance is 4 p (1 - p).
    2 * sqrt(
        (CAST(m.p_calm AS DOUBLE PRECISION) + m.p_happy)
        * (CAST(m.p_energetic AS DOUBLE PRECISION) + m.p_sad)
    ) AS mood_valence_sd,
    2 * sqrt(
        (CAST(m.p_energetic AS DOUBLE PRECISION) + m.p_happy)
        * (CAST(m.p_calm AS DOUBLE PRECISION) + m.p_sad)
    ) AS mood_energy_sd,
    CASE WHEN m.mood IS NOT NULL THEN c.estimated END AS estimated
FROM _dated_tracks AS t
LEFT JOIN _current_moods AS m ON t.track_key = m.track_key
LEFT JOIN models AS c
    ON
        c.is_current = 1
        AND c.estimated = CASE
            WHEN m.model_key = (SELECT x.model_key FROM models AS x WHERE x.is_current = 1 AND x.estimated = 1) THEN 1
            ELSE 0
        END
LEFT JOIN sources AS s ON m.source_key = s.source_key
