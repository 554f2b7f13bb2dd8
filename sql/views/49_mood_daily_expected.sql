-- One row per person, local day and mood that is expected on that day under the model's probabilities, even if it is
-- the most probable mood of no listen. share_expected, share_low and share_high are those of mood_daily; here the
-- expected shares of a day add up to the share of its labelled listens.
CREATE VIEW mood_daily_expected AS
SELECT
    s.user_id,
    s.display_name,
    s.day,
    s.mood,
    s.listens,
    s.mean AS expected_listens,
    s.labelled AS labelled_listens,
    s.share_expected,
    s.share_low,
    s.share_high
FROM _day_shares AS s
WHERE s.mood <> 'Unlabelled'
