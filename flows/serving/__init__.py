"""What `moodlog serve` adds to Prefect: a runner for one home, a watchdog, dead runs and replacement runs."""
