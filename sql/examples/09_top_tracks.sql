-- Which three tracks stand for each of a person's moods?
SELECT
    display_name,
    mood,
    place,
    track,
    listens
FROM top_tracks_by_mood
WHERE place <= 3
ORDER BY display_name, mood, place;
