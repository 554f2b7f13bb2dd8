"""Resolvers: find the Spotify id or the ISRC of a recording by artist and title.

:mod:`~mood_core.resolvers.resolver` defines one, :mod:`~mood_core.resolvers.chain` calls them in order, and
:mod:`~mood_core.resolvers.registry` maps their names. A new resolver is one file here and one entry there.
"""
