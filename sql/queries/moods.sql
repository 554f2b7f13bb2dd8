-- Labels and the models that gave them: which tracks have none, and which model's labels people see.

-- name: set_model_weights
-- Record which weights a model version stands for, once.
UPDATE models SET weights_sha256 = :weights
WHERE model_version = :id AND weights_sha256 IS NULL;

-- name: model_weights
-- Which weights a model version stands for.
SELECT weights_sha256 FROM models
WHERE model_version = :id;

-- name: current_model
-- The key of the model whose labels people see.
SELECT model_key FROM models
WHERE is_current = 1;

-- name: hide_labels
-- Show no model's labels.
UPDATE models SET is_current = 0
WHERE is_current = 1;

-- name: show_newest_labels
-- Show the labels of the model that labelled last.
UPDATE models SET is_current = 1
WHERE
    model_key = (
        SELECT model_key FROM moods
        GROUP BY model_key
        ORDER BY max(labelled_at_ms) DESC, model_key DESC
        LIMIT 1
    );

-- name: has_current_labels
-- Whether the model whose labels people see has any.
SELECT 1 FROM models AS c
WHERE c.is_current = 1 AND EXISTS (SELECT 1 FROM moods AS m WHERE m.model_key = c.model_key);
