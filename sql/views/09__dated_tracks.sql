-- One row per track with its year of release. release_year_source says where the year came from. The year in an ISRC is
-- that of the code's registration: the music may be older.
CREATE VIEW _dated_tracks AS
SELECT
    t.track_key,
    t.track_id,
    t.name AS track,
    t.artists,
    t.album,
    t.duration_ms,
    t.release_date,
    t.kind,
    coalesce(t.dated_year, t.registered_year + CASE WHEN t.registered_year < 40 THEN 2000 ELSE 1900 END)
        AS release_year,
    CASE
        WHEN t.dated_year IS NOT NULL THEN 'release date'
        WHEN t.registered_year IS NOT NULL THEN 'isrc'
    END AS release_year_source
FROM (
    SELECT
        c.track_key,
        c.track_id,
        c.name,
        c.artists,
        c.album,
        c.duration_ms,
        c.release_date,
        c.kind,
        -- NULL if the date does not begin with four digits, or with 0000, as Spotify has it for an unknown year.
        CASE
            WHEN length(c.release_date) >= 4 AND ltrim(substr(c.release_date, 1, 4), '0123456789') = ''
                THEN nullif(CAST(substr(c.release_date, 1, 4) AS INTEGER), 0)
        END AS dated_year,
        -- The two digits of the year in a code of 12 characters; some codes have the year of an older recording.
        CASE
            WHEN length(c.code) = 12 AND ltrim(substr(c.code, 6), '0123456789') = ''
                THEN CAST(substr(c.code, 6, 2) AS INTEGER)
        END AS registered_year
    FROM (
        SELECT
            r.track_key,
            r.track_id,
            r.name,
            r.artists,
            r.album,
            r.duration_ms,
            r.release_date,
            r.kind,
            replace(replace(r.isrc, '-', ''), ' ', '') AS code
        FROM tracks AS r
    ) AS c
) AS t
