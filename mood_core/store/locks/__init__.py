"""Named locks and leases."""
