"""A simulated month of many people's lives, and what moodlog must have stored of it.

scenario    what happens when: outages, dead permissions, moves; seeded
timeline    what really was played, and what Spotify shows of it at a moment
expected    what the pulls must have left, worked out from the timeline and not from moodlog's code
simulation  lives through a scenario: pulls whoever is due, over any door to Spotify
doors       two such doors: in this process (fast), and HTTP to the stand-in
"""
