"""The model's plots: confusion, reliability, accuracy against coverage, and the features it was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.classifier.training.metrics import coverage_curve, reliability
from mood_core.domain.mood_style import COLOURS
from mood_core.domain.records import FEATURES

if TYPE_CHECKING:
    from pathlib import Path

    from mood_core.classifier.model_card import ModelCard
    from mood_core.classifier.training.data import LabelledTracks
    from mood_core.classifier.training.measured import Measured

_DPI = 120
_STROKES = ("-", "--", "-.", ":")
"""Distinguishable without colour."""
_SHOWN_AS = {
    "duration_ms": ("duration, min", 1 / 60_000),
    "loudness": ("loudness, dB", 1.0),
    "tempo": ("tempo, BPM", 1.0),
}


def draw_plots(folder: Path, tracks: LabelledTracks, measured: Measured, card: ModelCard) -> None:
    """Write ``confusion.png``, ``reliability.png``, ``coverage.png`` and ``features.png`` into ``folder``."""
    _save(_confusion(measured, card), folder / "confusion.png")
    _save(_reliability(tracks, measured), folder / "reliability.png")
    _save(_coverage(tracks, measured, card), folder / "coverage.png")
    _save(features_figure(tracks), folder / "features.png")


def _figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Any, Any]:
    """A figure that needs no display and no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, format="png", metadata={"Software": None})


def _confusion(measured: Measured, card: ModelCard) -> Any:
    import seaborn as sns

    figure, axes = _figure(5, 4.2)
    shares = measured.confusion / np.maximum(measured.confusion.sum(axis=1, keepdims=True), 1)
    names = list(card.classes)
    sns.heatmap(
        shares,
        annot=True,
        fmt=".0%",
        cmap="Blues",
        vmin=0,
        vmax=1,
        cbar=False,
        ax=axes,
        xticklabels=names,
        yticklabels=names,
    )
    axes.set(xlabel="predicted", ylabel="playlist", title="Held-out tracks, share of each row")
    return figure


def _stacked(tracks: LabelledTracks, measured: Measured) -> tuple[Any, Any]:
    """All repeats as one long list of predictions."""
    probabilities = measured.probabilities
    return probabilities.reshape(-1, probabilities.shape[2]), np.tile(tracks.labels, len(probabilities))


def _reliability(tracks: LabelledTracks, measured: Measured) -> Any:
    figure, axes = _figure(5, 4.2)
    bins = reliability(*_stacked(tracks, measured))
    axes.plot([0, 1], [0, 1], color="0.7", linestyle="--")
    axes.scatter([b[1] for b in bins], [b[2] for b in bins], s=[20 + 600 * b[0] for b in bins], alpha=0.7)
    axes.set(xlim=(0.2, 1.02), ylim=(0.2, 1.02), xlabel="top probability", ylabel="share that is right")
    axes.set_title(f"Calibration error {measured.scores.ece:.3f}; larger: more tracks")
    return figure


def _coverage(tracks: LabelledTracks, measured: Measured, card: ModelCard) -> Any:
    figure, axes = _figure(5, 4.2)
    coverage, accuracy, confidence = coverage_curve(*_stacked(tracks, measured))
    shown = coverage >= 0.2
    axes.plot(coverage[shown], accuracy[shown])
    axes.axvline(float((confidence >= card.threshold).mean()), color="0.5", linestyle="--")
    axes.set(xlabel="share of tracks above the threshold", ylabel="accuracy on them")
    axes.set_title(f"Dashed: the threshold {card.threshold:.2f}")
    return figure


def features_figure(tracks: LabelledTracks) -> Any:
    """The distribution of each feature by mood."""
    figure, grid = _figure(13, 5, 2, 5)
    for position, (name, axes) in enumerate(zip(FEATURES, grid.flat, strict=True)):
        title, scale = _SHOWN_AS.get(name, (name, 1.0))
        values = tracks.matrix[:, position] * scale
        known = ~np.isnan(values)
        groups = [values[known & (tracks.labels == number)] for number in range(len(tracks.classes))]
        edges = np.histogram_bin_edges(values[known], bins=20) if known.any() else np.linspace(0, 1, 21)
        for number, (label, group) in enumerate(zip(tracks.classes, groups, strict=True)):
            stroke = {"color": COLOURS.get(label), "linestyle": _STROKES[number % len(_STROKES)], "linewidth": 1.6}
            axes.hist(group, bins=edges, histtype="step", label=label, **stroke)
        axes.set_title(title, fontsize=10)
        axes.tick_params(labelsize=8)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    figure.supylabel("tracks", fontsize=10)
    return figure
