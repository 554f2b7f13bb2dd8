-- Every listen with its mood: the main view for queries. Order by played_at_ms to sort by time. local_* columns are in
-- the person's local time; local_weekday is 1 (Monday) to 7 (Sunday). mood is NULL if a track is unlabelled;
-- unlabelled_reason says why. estimated is 1 if the label is from features that were estimated from audio.
CREATE VIEW mood_history AS
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
    t.album,
    t.mood,
    t.p_calm,
    t.p_energetic,
    t.p_happy,
    t.p_sad,
    t.mood_set,
    t.uncertain,
    t.out_of_distribution,
    t.model_version,
    t.feature_source,
    t.unlabelled_reason,
    s.source AS listen_source,
    l.user_key,
    t.soft,
    t.lively,
    t.mood_valence,
    t.mood_energy,
    t.mood_valence_sd,
    t.mood_energy_sd,
    t.release_date,
    t.release_year,
    l.skipped,
    l.shuffle,
    (SELECT r.reason_end FROM end_reasons AS r WHERE r.reason_key = l.reason_key) AS reason_end,
    t.estimated
FROM listen_times AS l
INNER JOIN users AS u ON l.user_key = u.user_key
INNER JOIN track_moods AS t ON l.track_key = t.track_key
INNER JOIN sources AS s ON l.source_key = s.source_key
