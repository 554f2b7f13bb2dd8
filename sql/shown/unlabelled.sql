-- Listens without a mood by reason.
SELECT
    unlabelled_reason,
    count(*) AS listens
FROM mood_history
WHERE user_id = :user AND local_day >= :first AND local_day <= :last AND mood IS NULL
GROUP BY unlabelled_reason
ORDER BY listens DESC, unlabelled_reason;
