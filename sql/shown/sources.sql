-- Listens by where the label came from, by feature source and model.
SELECT
    label_source,
    feature_source,
    model_version,
    count(*) AS listens
FROM mood_history
WHERE user_id = :user AND local_day >= :first AND local_day <= :last AND mood IS NOT NULL
GROUP BY label_source, feature_source, model_version
ORDER BY listens DESC, label_source, feature_source;
