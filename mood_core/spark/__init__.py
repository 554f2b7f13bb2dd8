"""Heavy work on the lake by Apache Spark: labelling all tracks again, and statistics over all people."""
