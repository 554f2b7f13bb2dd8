"""Batches loaded into SQL, with the totals that are kept beside them."""
