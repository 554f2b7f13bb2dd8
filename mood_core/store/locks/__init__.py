"""Named locks, fencing numbers and leases."""
