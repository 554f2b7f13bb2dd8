"""Audio features of generated tracks: realistic, correlated distributions per mood in Spotify's valid ranges.

Fractions are logistic-normal around a median; loudness and tempo are normal. A latent *intensity* correlates energy,
loudness and (inversely) acousticness, and a latent *brightness* valence and danceability, as in real catalogues.
"""

from __future__ import annotations

import math
import random
from typing import NamedTuple

from mood_core.domain.records import MOODS

AMBIGUOUS_SHARE = 0.08
"""Fraction of tracks between two moods."""


class Spread(NamedTuple):
    """A centre and a spread: of the logit for fractions, of the value for loudness [dB] and tempo [BPM]."""

    centre: float
    sigma: float


class Profile(NamedTuple):
    """The distributions of one mood; ``duration_s`` is log-normal, with the sigma of the logarithm."""

    acousticness: Spread
    danceability: Spread
    energy: Spread
    instrumentalness: Spread
    liveness: Spread
    speechiness: Spread
    valence: Spread
    loudness: Spread
    tempo: Spread
    duration_s: Spread


class Features(NamedTuple):
    """A track's audio features with Spotify's names and units, without the duration."""

    acousticness: float
    danceability: float
    energy: float
    instrumentalness: float
    liveness: float
    loudness: float
    speechiness: float
    tempo: float
    valence: float
    key: int
    mode: int
    time_signature: int


def _logit(fraction: float) -> float:
    return math.log(fraction / (1 - fraction))


def _profile(*spreads: tuple[float, float]) -> Profile:
    fractions = [Spread(_logit(centre), sigma) for centre, sigma in spreads[:7]]
    return Profile(*fractions, *(Spread(*spread) for spread in spreads[7:]))


PROFILES: dict[str, Profile] = {
    "Calm": _profile(
        (0.965, 1.6), (0.40, 0.57), (0.13, 1.0), (0.895, 0.6), (0.107, 0.3), (0.0385, 0.27), (0.16, 0.8),
        (-21.0, 5.0), (102.0, 27.0), (184, 0.28),
    ),
    "Energetic": _profile(
        (0.0035, 2.1), (0.565, 0.5), (0.885, 0.85), (0.0002, 3.6), (0.18, 0.95), (0.065, 0.6), (0.44, 0.9),
        (-5.0, 1.5), (128.0, 22.0), (203, 0.22),
    ),
    "Happy": _profile(
        (0.055, 1.9), (0.635, 0.5), (0.775, 0.8), (0.0001, 3.6), (0.12, 0.9), (0.046, 0.6), (0.67, 0.85),
        (-6.2, 2.0), (121.0, 19.0), (222, 0.2),
    ),
    "Sad": _profile(
        (0.60, 1.7), (0.49, 0.55), (0.355, 0.75), (0.004, 3.5), (0.115, 0.55), (0.033, 0.4), (0.24, 0.75),
        (-10.2, 2.8), (112.0, 26.0), (243, 0.24),
    ),
}  # fmt: skip
"""Per mood: the seven fractions in the order of :class:`Profile`, then loudness, tempo, duration."""


def draw_profile(rng: random.Random, mood: str) -> Profile:
    """The profile for a track of ``mood``; for a few tracks, half-way to another mood's profile."""
    if rng.random() >= AMBIGUOUS_SHARE:
        return PROFILES[mood]
    other = PROFILES[MOODS[int(rng.random() * len(MOODS))]]
    return Profile(*(_halfway(one, two) for one, two in zip(PROFILES[mood], other, strict=True)))


def _halfway(one: Spread, two: Spread) -> Spread:
    return Spread((one.centre + two.centre) / 2, (one.sigma + two.sigma) / 2)


def draw_features(rng: random.Random, profile: Profile) -> Features:
    """Draw one track's features."""
    intensity, brightness = rng.gauss(0, 1), rng.gauss(0, 1)
    gauss = rng.gauss
    return Features(
        acousticness=_fraction(profile.acousticness, -0.7 * intensity + 0.71 * gauss(0, 1)),
        danceability=_fraction(profile.danceability, 0.45 * brightness + 0.89 * gauss(0, 1)),
        energy=_fraction(profile.energy, 0.9 * intensity + 0.44 * gauss(0, 1)),
        instrumentalness=_fraction(profile.instrumentalness, gauss(0, 1)),
        liveness=_fraction(profile.liveness, 0.2 * intensity + 0.98 * gauss(0, 1)),
        loudness=round(_bounded(profile.loudness, 0.8 * intensity + 0.6 * gauss(0, 1), -55.0, 0.9), 3),
        speechiness=_fraction(profile.speechiness, gauss(0, 1)),
        tempo=round(_bounded(profile.tempo, gauss(0, 1), 48.0, 212.0), 3),
        valence=_fraction(profile.valence, 0.6 * brightness + 0.8 * gauss(0, 1)),
        key=int(rng.random() * 12),
        mode=int(rng.random() < 0.62),
        time_signature=4 if rng.random() < 0.9 else 3,
    )


def draw_duration_ms(rng: random.Random, profile: Profile) -> int:
    """Draw one track's duration in milliseconds, between 75 s and 10 min."""
    seconds = profile.duration_s.centre * math.exp(rng.gauss(0, profile.duration_s.sigma))
    return int(min(600.0, max(75.0, seconds)) * 1000)


def _fraction(spread: Spread, deviation: float) -> float:
    value = 1 / (1 + math.exp(-(spread.centre + spread.sigma * deviation)))
    # Spotify returns three significant digits, and 0 for very low instrumentalness.
    return float(f"{value:.3g}") if value > 1e-6 else 0.0


def _bounded(spread: Spread, deviation: float, low: float, high: float) -> float:
    return min(high, max(low, spread.centre + spread.sigma * deviation))
