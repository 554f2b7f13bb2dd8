"""moodlog's own Prefect server, and what flows need of any other: where it is, who may use it, what it schedules."""
