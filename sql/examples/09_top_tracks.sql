-- Which three tracks did each person play most, for each mood?
SELECT
    display_name,
    mood,
    place,
    track,
    listens
FROM top_tracks_by_mood
WHERE place <= 3
ORDER BY display_name, mood, place;
