"""The model card for people, in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mood_core.classifier.model_card import ModelCard


def card_markdown(card: ModelCard) -> str:
    """The whole card as Markdown; the plots are looked for beside it."""
    sections = [
        f"# Model card: {card.model_version}",
        f"Trained {card.created_at}. {card.intended_use}",
        _section("Not to be used for", _bullets(card.not_for)),
        _section("Limits", _bullets(card.limits)),
        _section("How good it is", _results(card)),
        _section("Labels and thresholds", _decisions(card)),
        _section("Inputs", _inputs(card)),
        _section("Training data", _training(card)),
        _section("Files", _files(card)),
    ]
    return "\n\n".join(sections) + "\n"


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}"


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _results(card: ModelCard) -> str:
    protocol = card.protocol
    how = (
        f"{protocol['kind'].capitalize()}: {protocol['repeats']} × {protocol['folds']} folds of "
        f"{protocol['data']['tracks']} tracks, seed {protocol['seed']}. Nothing is fitted outside a fold; "
        f"the baselines have the same folds. ± is the standard error over tracks ({protocol['standard_errors']})."
    )
    recalls = " / ".join(card.classes)
    header = ("model", "accuracy %", "macro-F1", "log loss", "ECE", f"recall {recalls}")
    named = {"**this model's recipe**": card.metrics, **_baselines(card)}
    rows = [_result_row(name, metrics) for name, metrics in named.items()]
    more = (
        f"Between repeats the accuracy varies by {card.metrics['accuracy_between_repeats']:.1%}. On the surest 80 % of "
        f"the tracks it is {card.metrics['accuracy_at_80_coverage']:.1%}; the right label is among the first two for "
        f"{card.metrics['top_two_accuracy']:.1%}."
    )
    robust = (
        "Accuracy % when the features of the held-out tracks are spoilt (training sees them whole; shares are the 0–1 "
        "features):"
    )
    spoilt = _table(
        ("features", *(name.strip("*") for name in named)),
        [_spoilt_row(key, named) for key in card.metrics["robustness"]],
    )
    plots = "![confusion](confusion.png) ![reliability](reliability.png) ![coverage](coverage.png)"
    return "\n\n".join([how, _table(header, rows), more, robust, spoilt, plots])


def _spoilt_row(key: str, named: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [key.replace("_", " "), *(f"{metrics['robustness'][key] * 100:.1f}" for metrics in named.values())]


def _baselines(card: ModelCard) -> dict[str, Any]:
    found: dict[str, Any] = card.metrics.get("baselines", {})
    return {name.replace("_", " "): metrics for name, metrics in found.items()}


def _result_row(name: str, metrics: Mapping[str, Any]) -> list[str]:
    error = metrics["standard_errors"]
    return [
        name,
        f"{metrics['accuracy'] * 100:.1f} ± {error['accuracy'] * 100:.1f}",
        f"{metrics['macro_f1']:.3f} ± {error['macro_f1']:.3f}",
        f"{metrics['log_loss']:.3f} ± {error['log_loss']:.3f}",
        f"{metrics['ece']:.3f}",
        " / ".join(f"{value:.2f}" for value in metrics["recall"].values()),
    ]


def _decisions(card: ModelCard) -> str:
    return _bullets(
        [
            f"Labels: {', '.join(card.classes)}, the most probable one.",
            f"Uncertain below {card.threshold:.2f}: {card.threshold_rule}.",
            f"Out of distribution: any feature outside its training range widened by {card.range_margin:.0%} of it.",
            f"Temperature {card.temperature:g}, inside the model, from an inner cross-validation of its tracks.",
        ]
    )


def _inputs(card: ModelCard) -> str:
    rows = [
        [f.name, f.unit, f"{f.minimum:.4g}", f"{f.median:.4g}", f"{f.maximum:.4g}", "yes" if f.may_be_missing else "no"]
        for f in card.features
    ]
    table = _table(("feature", "unit", "training minimum", "median", "maximum", "may be missing"), rows)
    return f"Raw features; preprocessing: {card.preprocessing['kind']}.\n\n{table}\n\n![features](features.png)"


def _training(card: ModelCard) -> str:
    training = card.training
    counts = ", ".join(f"{name} {count}" for name, count in training["by_class"].items())
    lines = [
        str(training["description"]),
        f"{training['tracks']} tracks ({counts}), {training['without_duration']} without a duration.",
        f"File `{training['file']}`, sha256 `{training['sha256']}`; seed {training['seed']}.",
        "Recipe: " + ", ".join(f"{key} {value:g}" for key, value in training["recipe"].items()) + ".",
        "Libraries: " + ", ".join(f"{key} {value}" for key, value in card.libraries.items()) + ".",
    ]
    return _bullets(lines)


def _files(card: ModelCard) -> str:
    rows = [[name, f"`{digest}`"] for name, digest in card.files.items()]
    weights = (
        f"The weights inside `model.keras` have the sha256 `{card.weights_sha256}`; "
        "the file's own changes with its date."
    )
    return _table(("file", "sha256"), rows) + "\n\n" + weights
