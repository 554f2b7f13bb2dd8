-- One row per person: number of their listens of tracks with audio features (estimated ones too), and the share (0-1).
CREATE VIEW feature_coverage_by_person AS
SELECT
    d.user_id,
    d.display_name,
    d.listens,
    d.covered_listens,
    CAST(round(1.0 * d.covered_listens / d.listens, 4) AS DOUBLE PRECISION) AS listen_share
FROM (
    -- Windows instead of GROUP BY: SQLite pushes a condition on the person down through them.
    SELECT
        s.user_id,
        s.display_name,
        CAST(sum(s.listens) OVER same AS BIGINT) AS listens,
        CAST(sum(CASE WHEN s.source_key > 0 THEN s.listens ELSE 0 END) OVER same AS BIGINT) AS covered_listens,
        row_number() OVER same AS part
    FROM _listen_sources AS s
    WINDOW same AS (PARTITION BY s.user_id)
) AS d
WHERE d.part = 1
