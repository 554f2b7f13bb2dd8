-- Every listen with its mood: the main view for queries. Order by played_at_ms to sort by time. local_* columns are in
-- the person's local time; local_weekday is 1 (Monday) to 7 (Sunday). mood is NULL if a track is unlabelled;
-- unlabelled_reason says why. estimated is 1 if the label is from features that were estimated from audio. A person's
-- own answer about a track is the label of all their listens of it: label_source is then 'person'.
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
    CASE WHEN p.track_key IS NULL THEN t.mood ELSE p.mood END AS mood,
    CASE WHEN p.track_key IS NULL THEN t.p_calm ELSE p.p_calm END AS p_calm,
    CASE WHEN p.track_key IS NULL THEN t.p_energetic ELSE p.p_energetic END AS p_energetic,
    CASE WHEN p.track_key IS NULL THEN t.p_happy ELSE p.p_happy END AS p_happy,
    CASE WHEN p.track_key IS NULL THEN t.p_sad ELSE p.p_sad END AS p_sad,
    CASE WHEN p.track_key IS NULL THEN t.mood_set ELSE p.mood_set END AS mood_set,
    CASE WHEN p.track_key IS NULL THEN t.uncertain ELSE p.uncertain END AS uncertain,
    CASE WHEN p.track_key IS NULL THEN t.out_of_distribution ELSE p.out_of_distribution END AS out_of_distribution,
    CASE WHEN p.track_key IS NULL THEN t.model_version ELSE p.model_version END AS model_version,
    CASE WHEN p.label_source = 'person' THEN NULL ELSE t.feature_source END AS feature_source,
    CASE WHEN p.track_key IS NULL THEN t.unlabelled_reason ELSE p.unlabelled_reason END AS unlabelled_reason,
    s.source AS listen_source,
    l.user_key,
    CASE WHEN p.track_key IS NULL THEN t.soft ELSE p.soft END AS soft,
    CASE WHEN p.track_key IS NULL THEN t.lively ELSE p.lively END AS lively,
    CASE WHEN p.track_key IS NULL THEN t.mood_valence ELSE p.mood_valence END AS mood_valence,
    CASE WHEN p.track_key IS NULL THEN t.mood_energy ELSE p.mood_energy END AS mood_energy,
    CASE WHEN p.track_key IS NULL THEN t.mood_valence_sd ELSE p.mood_valence_sd END AS mood_valence_sd,
    CASE WHEN p.track_key IS NULL THEN t.mood_energy_sd ELSE p.mood_energy_sd END AS mood_energy_sd,
    t.release_date,
    t.release_year,
    l.skipped,
    l.shuffle,
    (SELECT r.reason_end FROM end_reasons AS r WHERE r.reason_key = l.reason_key) AS reason_end,
    CASE WHEN p.track_key IS NULL THEN t.estimated WHEN p.mood IS NOT NULL THEN 0 END AS estimated,
    coalesce(p.label_source, CASE WHEN t.mood IS NOT NULL THEN 'model' END) AS label_source,
    t.release_year_source
FROM _listen_times AS l
INNER JOIN users AS u ON l.user_key = u.user_key
INNER JOIN _track_moods AS t ON l.track_key = t.track_key
LEFT JOIN _person_moods AS p ON l.user_key = p.user_key AND l.track_key = p.track_key
INNER JOIN sources AS s ON l.source_key = s.source_key
