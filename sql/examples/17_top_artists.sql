-- Which three artists did each person play most, for each mood?
SELECT
    display_name,
    mood,
    place,
    artist,
    listens
FROM top_artists_by_mood
WHERE place <= 3
ORDER BY display_name, mood, place;
