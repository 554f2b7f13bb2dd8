"""The ReccoBeats API as a source of audio features."""
