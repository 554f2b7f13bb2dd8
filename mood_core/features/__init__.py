"""Audio features from a chain of sources, called in order with as few calls as possible.

:mod:`~mood_core.features.source` defines a source, :mod:`~mood_core.features.chain` calls them in order, and
:mod:`~mood_core.features.registry` maps their names. A new source is one file here and one entry there.
"""
