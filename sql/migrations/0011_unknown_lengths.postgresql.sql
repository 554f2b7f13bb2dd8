-- Account data from early 2018 has no play durations: a play by name may be without one.
ALTER TABLE named_plays DROP CONSTRAINT named_plays_pkey;
ALTER TABLE named_plays ALTER COLUMN ms_played DROP NOT NULL;
CREATE UNIQUE INDEX named_plays_key ON named_plays (user_key, ended_at_ms, artist, title, coalesce(ms_played, -1));
