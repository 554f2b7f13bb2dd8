"""What `moodlog serve` adds to Prefect: a runner for one home, a watch over the schedule, and the end of dead runs."""
