"""The commands that run flows, one module each."""
