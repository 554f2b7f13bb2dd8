"""Catalogues: files of audio features."""
