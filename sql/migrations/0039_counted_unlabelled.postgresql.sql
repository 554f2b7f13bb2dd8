-- A person's listens by track without a mood, with the ranks of 0038_answers.
CREATE TABLE counted_unlabelled (
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    track_key INTEGER NOT NULL,
    listens BIGINT NOT NULL,
    PRIMARY KEY (user_key, track_key)
);

-- The next run or import ranks again.
UPDATE counted_people SET ranked_until_ms = 0;
