"""The live pages: moods by address, live from SQL, for browsers, programs and home dashboards on this machine."""
