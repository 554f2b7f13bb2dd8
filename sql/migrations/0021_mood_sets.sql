-- Which moods a track has with 90% coverage, in the order of the alphabet with | between them. NULL for labels from
-- before this migration, and for models that have no thresholds for sets.
ALTER TABLE moods ADD COLUMN mood_set TEXT CHECK (
    mood_set IN (
        'Calm', 'Energetic', 'Calm|Energetic', 'Happy', 'Calm|Happy', 'Energetic|Happy', 'Calm|Energetic|Happy',
        'Sad', 'Calm|Sad', 'Energetic|Sad', 'Calm|Energetic|Sad', 'Happy|Sad', 'Calm|Happy|Sad',
        'Energetic|Happy|Sad', 'Calm|Energetic|Happy|Sad'
    )
);

-- For the intervals of a day's shares: for each mood the sum of its probabilities over the labelled listens, in units
-- of 1e-4, and the sum of p (1 - p), in units of 1e-8. Whole numbers, because their sums are the same in every order.
ALTER TABLE mood_days ADD COLUMN expected_calm BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mood_days ADD COLUMN expected_energetic BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mood_days ADD COLUMN expected_happy BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mood_days ADD COLUMN expected_sad BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mood_days ADD COLUMN variance_calm BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mood_days ADD COLUMN variance_energetic BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mood_days ADD COLUMN variance_happy BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mood_days ADD COLUMN variance_sad BIGINT NOT NULL DEFAULT 0;

UPDATE mood_days SET
    expected_calm = e.expected_calm,
    expected_energetic = e.expected_energetic,
    expected_happy = e.expected_happy,
    expected_sad = e.expected_sad,
    variance_calm = e.variance_calm,
    variance_energetic = e.variance_energetic,
    variance_happy = e.variance_happy,
    variance_sad = e.variance_sad
FROM (
    SELECT
        q.user_key,
        q.day,
        CAST(sum(q.calm) AS BIGINT) AS expected_calm,
        CAST(sum(q.energetic) AS BIGINT) AS expected_energetic,
        CAST(sum(q.happy) AS BIGINT) AS expected_happy,
        CAST(sum(q.sad) AS BIGINT) AS expected_sad,
        CAST(sum(q.calm * (10000 - q.calm)) AS BIGINT) AS variance_calm,
        CAST(sum(q.energetic * (10000 - q.energetic)) AS BIGINT) AS variance_energetic,
        CAST(sum(q.happy * (10000 - q.happy)) AS BIGINT) AS variance_happy,
        CAST(sum(q.sad * (10000 - q.sad)) AS BIGINT) AS variance_sad
    FROM (
        SELECT
            l.user_key,
            CAST((l.played_at_ms / 1000 + o.offset_s) / 86400 AS INTEGER) AS day,
            CAST(round(CAST(m.p_calm AS DOUBLE PRECISION) * 10000 + 0.000000001) AS BIGINT) AS calm,
            CAST(round(CAST(m.p_energetic AS DOUBLE PRECISION) * 10000 + 0.000000001) AS BIGINT) AS energetic,
            CAST(round(CAST(m.p_happy AS DOUBLE PRECISION) * 10000 + 0.000000001) AS BIGINT) AS happy,
            CAST(round(CAST(m.p_sad AS DOUBLE PRECISION) * 10000 + 0.000000001) AS BIGINT) AS sad
        FROM listens AS l
        INNER JOIN users AS u ON l.user_key = u.user_key
        INNER JOIN utc_offsets AS o
            ON u.timezone = o.timezone AND l.played_at_ms >= o.starts_at_ms AND l.played_at_ms < o.ends_at_ms
        INNER JOIN models AS c ON c.is_current = 1
        INNER JOIN moods AS m ON c.model_key = m.model_key AND l.track_key = m.track_key
    ) AS q
    GROUP BY q.user_key, q.day
) AS e
WHERE mood_days.user_key = e.user_key AND mood_days.day = e.day;
