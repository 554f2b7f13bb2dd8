"""Filling in the model card from what was trained and measured."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.classifier.model_card import KERAS_FILE, FeatureSpec, ModelCard
from mood_core.classifier.training.estimated import CORRELATIONS, OCTAVE_ERRORS, stated_errors
from mood_core.classifier.training.export import file_digests, weights_digest
from mood_core.classifier.training.metrics import coverage_curve, threshold_at_coverage
from mood_core.classifier.training.requirements import library_versions
from mood_core.domain.records import FEATURES, MOODS
from mood_core.domain.vectors import FEATURE_RANGES, MAY_BE_MISSING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from mood_core.classifier.training.data import LabelledTracks
    from mood_core.classifier.training.evaluation import Evaluation
    from mood_core.classifier.training.model import MoodModel

COVERAGE = 0.8
"""The share of tracks whose label should not be marked uncertain; the threshold follows from it."""

RANGE_MARGIN = 0.05
DRIFT_BINS = 10

INTENDED_USE = (
    "Labels Spotify-style audio features of a track with the mood of the playlists that such tracks are in, for "
    "a person's own listening history or a study that has their consent."
)
ESTIMATED_USE = (
    "Labels tracks by audio features that an analyser estimated from audio files, with the mood of the playlists that "
    "such tracks are in, for a person's own listening history or a study that has their consent. It is for estimated "
    "features only: features of Spotify, ReccoBeats' catalogue or a catalogue file go to the other bundled model."
)
LIMITS = (
    "The labels are the playlist each track was found in, not what people said they felt: the scores measure how well "
    "playlists are distinguished. Against moods annotated by people, a published comparison puts models on these "
    "features at 58.5 % F1.",
    "People mean different things by the same word. What the training's curators mean by Calm is in the table below; a "
    "person who means something else gets labels they do not agree with.",
    "Sad and Calm, and Happy and Energetic, overlap: most wrong labels are within these two pairs.",
    "Features of other services (AcousticBrainz, Essentia, librosa) are on other scales and must not be given to it.",
    "It judges the recording, not the listener: a sad song may be heard in any mood.",
)
ONE_SOURCE = (
    "It was trained and measured on the labels of one curator. On another person's labels expect much less: a model "
    "trained that way fell from 84 % to 55 %."
)
NOT_FOR = (
    "Decisions about a person's health, including diagnosis, therapy or crisis detection.",
    "Decisions about people in employment, insurance, credit, education or law.",
    "Targeting or profiling people without their consent.",
)


def preprocessing_of(fitted: MoodModel) -> dict[str, Any]:
    """What the model does with raw features inside itself: the maps' points, by feature."""
    return {
        "kind": "quantile-normal places, standardised values and products of places, inside the model",
        "missing": "0 after the map, and a flag for duration_ms",
        "values": {
            name: [float(f"{value:.9g}") for value in pair]
            for name, *pair in zip(FEATURES, fitted.encoder.middle, fitted.encoder.spread, strict=False)
        },
        "knots": {
            name: [float(f"{value:.9g}") for value in knots]
            for name, knots in zip(FEATURES, fitted.encoder.knots, strict=True)
        },
    }


def feature_specs(matrix: NDArray[np.float32]) -> tuple[FeatureSpec, ...]:
    """Range, median and distribution of each column of an (n, 10) float32 matrix of training tracks."""
    return tuple(_spec(name, matrix[:, position]) for position, name in enumerate(FEATURES))


def _spec(name: str, column: NDArray[np.float32]) -> FeatureSpec:
    values = column[~np.isnan(column)].astype(np.float64)
    legal = FEATURE_RANGES[name]
    if not len(values):  # never seen: any legal value is as good as any other
        middle = (legal.minimum + legal.maximum) / 2
        return FeatureSpec(
            name, legal.unit, legal.minimum, legal.maximum, middle, may_be_missing=True, bin_edges=(), bin_shares=()
        )
    edges = np.unique(np.quantile(values, np.linspace(0, 1, DRIFT_BINS + 1)[1:-1]).astype(np.float32)).astype(float)
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    return FeatureSpec(
        name=name,
        unit=legal.unit,
        minimum=float(values.min()),
        maximum=float(values.max()),
        median=float(np.median(values)),
        may_be_missing=name in MAY_BE_MISSING,
        bin_edges=tuple(edges.tolist()),
        bin_shares=tuple((counts / len(values)).tolist()),
    )


def choose_threshold(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[float, str]:
    """The threshold for (repeats, n, k) held-out probabilities, and the rule in words with what it gives."""
    stacked, repeated = probabilities.reshape(-1, probabilities.shape[2]), np.tile(labels, len(probabilities))
    threshold = round(threshold_at_coverage(stacked, repeated, COVERAGE), 2)
    coverage, accuracy, confidence = coverage_curve(stacked, repeated)
    kept = max(int((confidence >= threshold).sum()) - 1, 0)
    rule = (
        f"the top probability that {COVERAGE:.0%} of the held-out tracks reach, to two decimals: the "
        f"{coverage[kept]:.1%} of them at or above {threshold:.2f} are right in {accuracy[kept]:.1%}, all of them in "
        f"{accuracy[-1]:.1%}"
    )
    return threshold, rule


def build_card(
    folder: Path,
    temporary_folder: Path,
    tracks: LabelledTracks,
    fitted: MoodModel,
    evaluation: Evaluation,
    extra: Mapping[str, Any],
    seed: int,
    description: str | None,
    *,
    estimated: bool = False,
) -> ModelCard:
    """The card of ``fitted``, which was trained on all of ``tracks`` and measured by ``evaluation``.

    ``folder``/name/version is the model's place; ``temporary_folder`` has its files now. ``extra``: more metrics.
    """
    threshold, rule = choose_threshold(evaluation.measured.probabilities, tracks.labels)
    metrics = {**evaluation.as_json(), **extra}
    del metrics["protocol"]
    return ModelCard(
        name=folder.parent.name,
        version=folder.name,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        classes=tracks.classes,
        features=feature_specs(tracks.matrix),
        threshold=threshold,
        threshold_rule=rule,
        range_margin=RANGE_MARGIN,
        temperature=fitted.recipe.temperature,
        preprocessing=preprocessing_of(fitted),
        training={
            "description": description or f"{len(tracks)} labelled tracks from {tracks.name}",
            "file": tracks.name,
            "sha256": tracks.sha256,
            "tracks": len(tracks),
            "by_class": tracks.counts(),
            "by_source": dict(sorted(Counter(tracks.sources or ()).items())),
            "without_duration": int(np.isnan(tracks.matrix[:, -1]).sum()),
            "seed": seed,
            "recipe": asdict(fitted.recipe),
            **({"feature_errors": stated_errors()} if estimated else {}),
        },
        protocol=evaluation.protocol,
        metrics=_rounded(metrics),
        intended_use=ESTIMATED_USE if estimated else INTENDED_USE,
        limits=(*(_estimated_limits() if estimated else ()), *_limits(tracks)),
        not_for=NOT_FOR,
        libraries=library_versions(),
        weights_sha256=weights_digest(temporary_folder / KERAS_FILE),
        files=file_digests(temporary_folder),
    )


def _estimated_limits() -> tuple[str, ...]:
    sizes = ", ".join(f"{name} {value:.2f}" for name, value in CORRELATIONS.items())
    return (
        "It was trained, measured and calibrated on features with simulated errors. Correlation of an estimate with "
        f"the true value: {sizes}. Half or double the tempo: {OCTAVE_ERRORS:.0%} of the tracks. The sizes for energy, "
        "danceability, speechiness and valence are published for one analyser; the others are assumptions.",
        "An analyser with larger or dependent errors gives worse labels than the numbers below: no labelled tracks "
        "with features of a real analyser were available to measure it.",
    )


def _limits(tracks: LabelledTracks) -> tuple[str, ...]:
    size = f"It was trained on {len(tracks)} tracks: every score carries a standard error of more than a point."
    own = (*([size] if len(tracks) < 2_000 else []), *([ONE_SOURCE] if len(set(tracks.sources or ())) < 2 else []))
    return (*own, *LIMITS) if tracks.classes == MOODS else own


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, 5) if isinstance(value, float) else value
