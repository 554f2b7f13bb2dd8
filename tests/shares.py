"""Intervals of a mood's share of several listens, from the model's probabilities.

How many of n listens have a mood is Poisson-binomial if the listens are independent: the mean is the sum of p, the
variance the sum of p (1 - p). The interval is the normal approximation with continuity correction, which the views
``mood_daily``, ``mood_weekly`` and ``mood_monthly`` compute in SQL. It leaves out two things: repeated plays of one
track are not independent, and the probabilities themselves can be wrong for a person.
"""

from __future__ import annotations

from math import sqrt

Z_90 = 1.6449
"""The 95% quantile of the normal distribution: 5% are left out on either side."""


def share_interval(mean: float, variance: float, labelled: int, listens: int) -> tuple[float, float]:
    """The 90% interval of a mood's share of ``listens``, of which ``labelled`` have probabilities; both ends 0–1.

    ``mean`` and ``variance`` are the sums of p and of p (1 - p) over the labelled listens.
    """
    if not listens:
        return 0.0, 0.0
    half = Z_90 * sqrt(max(variance, 0.0)) + 0.5
    return max(mean - half, 0.0) / listens, min(mean + half, labelled) / listens
