"""90% intervals: of a mood's share of several listens, and of a share of answers. Pure.

How many of n listens have a mood is Poisson-binomial if the listens are independent: the mean is the sum of p, the
variance the sum of p (1 - p). The interval is the normal approximation with continuity correction, which the views
``mood_daily``, ``mood_weekly`` and ``mood_monthly`` compute in SQL. It leaves out two things: repeated plays of one
track are not independent, and the probabilities themselves can be wrong for a person.
"""

from __future__ import annotations

from math import sqrt

Z_90 = 1.6449
"""The 95% quantile of the normal distribution: 5% are left out on either side. A test compares the SQL with it."""


FEW = 10
"""Shares of fewer listens are shown in grey with their number: one song more would change them much."""


def half_width(variance: float) -> float:
    """Half the width of the 90% interval of how many listens have a mood."""
    return Z_90 * sqrt(max(variance, 0.0)) + 0.5


def share_interval(mean: float, variance: float, labelled: int, listens: int) -> tuple[float, float]:
    """The 90% interval of a mood's share of ``listens``, of which ``labelled`` have probabilities; both ends 0–1.

    ``mean`` and ``variance`` are the sums of p and of p (1 - p) over the labelled listens.
    """
    if not listens:
        return 0.0, 0.0
    half = half_width(variance)
    return max(mean - half, 0.0) / listens, min(mean + half, labelled) / listens


def wilson_interval(right: int, answers: int) -> tuple[float, float]:
    """The 90% Wilson interval of the share of ``right`` answers; 0 to 1 without answers."""
    if not answers:
        return 0.0, 1.0
    share, z = right / answers, Z_90
    middle = (share + z**2 / (2 * answers)) / (1 + z**2 / answers)
    half = z / (1 + z**2 / answers) * sqrt(share * (1 - share) / answers + z**2 / (4 * answers**2))
    return round(middle - half, 4), round(middle + half, 4)
