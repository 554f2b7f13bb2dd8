"""The nightly run: pull listens, fetch features, label tracks, report."""
