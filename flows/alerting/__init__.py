"""Alerts: the events that moodlog sends, the automations that react to them, and messages."""
