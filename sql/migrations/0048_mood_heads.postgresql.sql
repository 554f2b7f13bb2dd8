-- Personal heads: small maps on a model's probabilities, each learned from one person's answers. The latest one of a
-- person for the current model labels their listens if it was promoted.
CREATE TABLE mood_heads (
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    trained_at_ms BIGINT NOT NULL,
    base_model TEXT NOT NULL,
    version TEXT NOT NULL,
    promoted SMALLINT NOT NULL CHECK (promoted IN (0, 1)),
    head TEXT NOT NULL,
    scores TEXT NOT NULL,
    PRIMARY KEY (user_key, trained_at_ms)
);

-- The version of the head that gave a label; NULL for a person's own answer.
ALTER TABLE person_labels ADD COLUMN model_version TEXT;
