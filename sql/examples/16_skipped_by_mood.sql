-- Tracks of which mood are skipped most? Only extended histories say what was skipped. A play of less than 30 s is not
-- stored, unless the history was imported with --min-ms 0.
SELECT
    display_name,
    mood,
    listens,
    skipped_listens
FROM skips_by_mood
ORDER BY display_name, skipped_listens DESC, mood;
