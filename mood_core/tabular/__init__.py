"""The one reader of tables of audio features: CSV and Parquet files as people have them."""
