-- One row per person, local day and mood ('Unlabelled' for listens without one): number of listens, and their share of
-- that day's listens (0-1). share_expected is the mean share under the model's probabilities, share_low and share_high
-- its 90% interval (a normal approximation of the Poisson-binomial distribution, with continuity correction; repeated
-- plays count as independent, which makes it too narrow where few tracks are played often).
CREATE VIEW mood_daily AS
SELECT
    s.user_id,
    s.display_name,
    s.day,
    s.mood,
    s.listens,
    s.uncertain_listens,
    CAST(round(1.0 * s.listens / s.all_listens, 4) AS DOUBLE PRECISION) AS share,
    s.share_expected,
    s.share_low,
    s.share_high
FROM _day_shares AS s
WHERE s.listens > 0
