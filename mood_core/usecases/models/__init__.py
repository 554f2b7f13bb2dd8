"""Models: predict, relabel, promote, and build data sets for training."""
