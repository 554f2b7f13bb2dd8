"""Features estimated from audio files: tags, matching with tracks, and analysers."""
