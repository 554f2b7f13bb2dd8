"""Reads tables of audio features from any common CSV or Parquet file."""
