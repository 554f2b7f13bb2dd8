-- Every listen without a mood, and the reason why.
CREATE VIEW unlabelled_listens AS
SELECT
    user_id,
    display_name,
    played_at,
    played_at_ms,
    local_day,
    track_id,
    track,
    artists,
    unlabelled_reason
FROM mood_history
WHERE mood IS NULL
