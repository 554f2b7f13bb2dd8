-- Which three tracks did each person play most in the week from 28 September 2026 (in UTC), for each mood? The view
-- top_tracks_by_mood has the ranks in a person's whole history.
WITH plays AS (
    SELECT
        user_id,
        display_name,
        mood,
        track_id,
        track,
        count(*) AS listens
    FROM mood_history
    WHERE played_at_ms >= 1790553600000 AND played_at_ms < 1791158400000 AND mood IS NOT NULL
    GROUP BY user_id, display_name, mood, track_id, track
)

SELECT
    display_name,
    mood,
    place,
    track,
    listens
FROM (
    SELECT
        display_name,
        mood,
        track,
        listens,
        row_number() OVER (PARTITION BY user_id, mood ORDER BY listens DESC, track_id) AS place
    FROM plays
) AS ranked
WHERE place <= 3
ORDER BY display_name, mood, place;
