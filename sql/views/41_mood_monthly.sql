-- One row per person, month (the date of its first day) and mood ('Unlabelled' for listens without one): number of
-- listens, and their share of that month's listens (0-1). share_expected is the mean share under the model's
-- probabilities, share_low and share_high its 90% interval (a normal approximation of the Poisson-binomial
-- distribution, with continuity correction; repeated plays count as independent, which makes it too narrow where few
-- tracks are played often).
CREATE VIEW mood_monthly AS
SELECT
    p.user_id,
    p.display_name,
    p.begins AS month,
    p.mood,
    p.listens,
    p.uncertain_listens,
    p.share,
    p.share_expected,
    p.share_low,
    p.share_high
FROM _period_moods AS p
WHERE p.unit = 'month'
