"""Where audio features come from: a chain of sources, asked in order, each in the fewest calls it allows.

Read :mod:`~mood_core.features.source` for what a source is, :mod:`~mood_core.features.chain` for how they are walked
and :mod:`~mood_core.features.registry` for the names a person may list. A new source is one file here and one entry
there.
"""
