"""The local Prefect server, and what flows use of any Prefect server: address, retries, queries, schedules."""
