"""The commands that need no flow, one module each."""
