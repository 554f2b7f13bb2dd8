-- What do people play after a sad track?
SELECT
    display_name,
    to_mood,
    transitions,
    share
FROM mood_transitions
WHERE from_mood = 'Sad'
ORDER BY display_name, transitions DESC, to_mood;
