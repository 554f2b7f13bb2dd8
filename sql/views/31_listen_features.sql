-- Every listen with the audio features of its track, which are empty if no source has them (estimated features
-- are in the table estimated_features alone): for averages and
-- correlations. Order by played_at_ms to sort by time. mood is NULL if a track is unlabelled.
CREATE VIEW listen_features AS
SELECT
    u.user_id,
    u.display_name,
    l.played_at,
    l.played_at_ms,
    l.local_time,
    l.local_day,
    l.local_hour,
    l.local_weekday,
    l.ms_played,
    t.track_id,
    t.track,
    t.artists,
    t.release_year,
    CASE WHEN p.track_key IS NULL THEN t.mood ELSE p.mood END AS mood,
    CASE WHEN p.track_key IS NULL THEN t.mood_valence ELSE p.mood_valence END AS mood_valence,
    CASE WHEN p.track_key IS NULL THEN t.mood_energy ELSE p.mood_energy END AS mood_energy,
    f.acousticness,
    f.danceability,
    f.energy,
    f.instrumentalness,
    f.liveness,
    f.loudness,
    f.speechiness,
    f.tempo,
    f.valence,
    coalesce(t.duration_ms, f.duration_ms) AS duration_ms,
    (SELECT s.source FROM sources AS s WHERE s.source_key = f.source_key) AS feature_source
FROM _listen_times AS l
INNER JOIN users AS u ON l.user_key = u.user_key
INNER JOIN _track_moods AS t ON l.track_key = t.track_key
LEFT JOIN _person_moods AS p ON l.user_key = p.user_key AND l.track_key = p.track_key
LEFT JOIN audio_features AS f ON l.track_key = f.track_key
