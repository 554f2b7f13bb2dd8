"""HTTP: addresses, headers, retries and loopback ports."""
