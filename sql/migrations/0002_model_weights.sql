-- Which weights a model version stands for: two models trained apart can carry one name, and their labels must not mix.
ALTER TABLE models ADD COLUMN weights_sha256 TEXT;
