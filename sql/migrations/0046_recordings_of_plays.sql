-- What ListenBrainz knows of a play by name: MusicBrainz' id of the recording, and its duration.
ALTER TABLE named_plays ADD COLUMN recording_mbid TEXT;
ALTER TABLE named_plays ADD COLUMN duration_ms INTEGER;
