"""A simulated month of many people's lives, and what moodlog must have stored of it.

scenario    what happens when: outages, dead permissions, moves; seeded
timeline    what really was played, and what Spotify shows of it at a moment
expected    what the pulls must have left, worked out from the timeline and not from moodlog's code
simulation  lives through a scenario: pulls the accounts that are due, with any client
clients     two such clients: in this process (fast), and HTTP to the stand-in
"""
