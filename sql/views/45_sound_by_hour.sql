-- One row per person and hour of the day (0-23, in the person's local time): number of listens of tracks with audio
-- features (not estimated ones), and the means of the features over these listens.
CREATE VIEW sound_by_hour AS
SELECT
    d.user_id,
    d.display_name,
    d.hour,
    d.listens,
    d.acousticness / d.listens AS acousticness,
    d.danceability / d.listens AS danceability,
    d.energy / d.listens AS energy,
    d.instrumentalness / d.listens AS instrumentalness,
    d.liveness / d.listens AS liveness,
    d.loudness / d.listens AS loudness,
    d.speechiness / d.listens AS speechiness,
    d.tempo / d.listens AS tempo,
    d.valence / d.listens AS valence
FROM (
    -- Windows instead of GROUP BY: SQLite pushes a condition on the person down through them.
    SELECT
        e.user_id,
        e.display_name,
        e.hour,
        CAST(sum(e.listens) OVER same AS BIGINT) AS listens,
        sum(e.acousticness) OVER same AS acousticness,
        sum(e.danceability) OVER same AS danceability,
        sum(e.energy) OVER same AS energy,
        sum(e.instrumentalness) OVER same AS instrumentalness,
        sum(e.liveness) OVER same AS liveness,
        sum(e.loudness) OVER same AS loudness,
        sum(e.speechiness) OVER same AS speechiness,
        sum(e.tempo) OVER same AS tempo,
        sum(e.valence) OVER same AS valence,
        row_number() OVER same AS part
    FROM (
        -- The counted listens, then those since.
        SELECT
            u.user_id,
            u.display_name,
            k.hour,
            k.listens,
            k.acousticness,
            k.danceability,
            k.energy,
            k.instrumentalness,
            k.liveness,
            k.loudness,
            k.speechiness,
            k.tempo,
            k.valence
        FROM users AS u
        INNER JOIN _counted_sounds AS k ON u.user_key = k.user_key
        UNION ALL
        SELECT
            r.user_id,
            r.display_name,
            r.hour,
            count(*) AS listens,
            sum(CAST(f.acousticness AS DOUBLE PRECISION)) AS acousticness,
            sum(CAST(f.danceability AS DOUBLE PRECISION)) AS danceability,
            sum(CAST(f.energy AS DOUBLE PRECISION)) AS energy,
            sum(CAST(f.instrumentalness AS DOUBLE PRECISION)) AS instrumentalness,
            sum(CAST(f.liveness AS DOUBLE PRECISION)) AS liveness,
            sum(CAST(f.loudness AS DOUBLE PRECISION)) AS loudness,
            sum(CAST(f.speechiness AS DOUBLE PRECISION)) AS speechiness,
            sum(CAST(f.tempo AS DOUBLE PRECISION)) AS tempo,
            sum(CAST(f.valence AS DOUBLE PRECISION)) AS valence
        FROM _recent_listens AS r
        INNER JOIN audio_features AS f ON r.track_key = f.track_key
        GROUP BY r.user_id, r.display_name, r.hour
    ) AS e
    WINDOW same AS (PARTITION BY e.user_id, e.hour)
) AS d
WHERE d.part = 1
