"""What a night does: pull listens, fetch features, label tracks, report."""
