-- Transitions between moods, from the kept counts and the listens since.
SELECT
    user_id,
    from_mood,
    to_mood,
    transitions
FROM mood_transitions;
