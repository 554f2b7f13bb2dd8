"""What Prefect tells a person: events, the automations that wait for them, and messages."""
