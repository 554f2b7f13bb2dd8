"""Catalogues: local files of audio features."""
