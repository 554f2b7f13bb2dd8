"""Features from audio files of the person."""
