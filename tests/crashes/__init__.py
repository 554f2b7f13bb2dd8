"""Kills moodlog at the system calls that write, and holds what a second run makes of it against an undisturbed one."""
