"""Care of what is stored: verify, compact, rebuild, back up, move."""
