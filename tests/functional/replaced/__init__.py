"""Tests of what replaces the tables of a PostgreSQL database: partitions and rebuilds."""
