"""The model card for people, in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mood_core.classifier.training.card_sets import sets_text

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
        *([_section("Sets of moods", sets_text(card))] if "mood_sets" in card.metrics else []),
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
    by_source = card.protocol.get("group_by") == "source"
    named = {"**this model's recipe**": card.metrics, **_baselines(card)}
    header = (
        "model",
        "accuracy %",
        "balanced %",
        "log loss",
        "ECE",
        "wrong, p > .9",
        f"recall {' / '.join(card.classes)}",
    )
    rows = [_result_row(name, metrics, card.classes) for name, metrics in named.items()]
    robust = (
        "Accuracy % when the features of the held-out tracks are corrupted (training sees them as they are; shares are "
        "the 0–1 features, loudness is moved by 3 dB):"
    )
    corrupted = _table(
        ("features", *(name.strip("*") for name in named)),
        [_spoilt_row(key, named) for key in card.metrics["robustness"]],
    )
    plots = "![confusion](confusion.png) ![reliability](reliability.png) ![coverage](coverage.png)"
    parts = [_how(card), _table(header, rows), *(_curators(card) if by_source else [_surest(card)])]
    return "\n\n".join([*parts, robust, corrupted, plots])


def _how(card: ModelCard) -> str:
    protocol = card.protocol
    if protocol.get("group_by") == "source":
        return (
            f"**On a curator never seen.** Each curator in turn is left out of training, with every "
            f"track that others share "
            f"with them, and judged. The figures are means over the {len(protocol['sources'])} "
            f"curators that have all moods "
            f"({', '.join(protocol['sources'])}); ± is the standard error "
            f"{protocol['standard_errors']}. The baselines have "
            "the same splits and weights."
        )
    return (
        f"{protocol['kind'].capitalize()}: {protocol['repeats']} × {protocol['folds']} folds of "
        f"{protocol['data']['tracks']} tracks, seed {protocol['seed']}. Nothing is fitted outside a fold; "
        f"the baselines have the same folds. ± is the standard error over tracks ({protocol['standard_errors']})."
    )


def _surest(card: ModelCard) -> str:
    return (
        f"Between repeats the accuracy varies by {card.metrics['accuracy_between_repeats']:.1%}. On the surest 80% of "
        f"the tracks it is {card.metrics['accuracy_at_80_coverage']:.1%}; the right label is among the first two for "
        f"{card.metrics['top_two_accuracy']:.1%}."
    )


def _curators(card: ModelCard) -> list[str]:
    """Each curator left out, the same inside, the ceiling, and what each means by a mood."""
    metrics = card.metrics
    inside, full = metrics["inside"], set(metrics["full_sources"])
    header = (
        "curator",
        "labels",
        "accuracy %",
        "log loss",
        "ECE",
        "wrong, p > .9",
        "inside: accuracy %",
        "log loss",
        "recall",
    )
    rows = [
        [
            name,
            str(card.training["by_source"][name]),
            f"{one['accuracy'] * 100:.1f}",
            f"{one['log_loss']:.3f}",
            f"{one['ece']:.3f}",
            f"{one['wrong_and_sure']:.1%}",
            f"{inside['by_source'][name]['accuracy'] * 100:.1f}",
            f"{inside['by_source'][name]['log_loss']:.3f}",
            ", ".join(f"{mood} {value:.2f}" for mood, value in one["recall"].items()),
        ]
        for name, one in metrics["by_source"].items()
    ]
    said = (
        f"**Inside curators it knows**, on tracks it does not (cross-validation, the other curators "
        f"in training), it is right "
        f"in {inside['mean']['accuracy']:.1%} on average (log loss {inside['mean']['log_loss']:.3f}). "
        f"{_ceiling(metrics)}"
    )
    part = [name for name in metrics["by_source"] if name not in full]
    masked = f" {', '.join(part)} lack some moods; there the model chooses among those they have." if part else ""
    return [said, f"Each curator left out, and the same inside:{masked}", _table(header, rows), *_meanings(metrics)]


def _ceiling(metrics: Mapping[str, Any]) -> str:
    found = metrics["agreement"]
    if not found["pairs"]:
        return "The curators share no tracks, so it is not known how far they agree."
    return (
        f"**The ceiling**: two curators gave the same mood to {found['share']:.1%} of "
        f"{found['pairs']:,} pairs of labels on "
        "shared tracks, and these are the clearer ones."
    )


def _meanings(metrics: Mapping[str, Any]) -> list[str]:
    """What Calm, or the first class, means to each curator."""
    mood = "Calm" if any("Calm" in one for one in metrics["meanings"].values()) else ""
    rows = [
        [
            name,
            f"{one[mood]['tracks']:.0f}",
            f"{one[mood]['instrumental']:.0%}",
            *(f"{one[mood][feature]:.2f}" for feature in ("energy", "valence", "acousticness")),
            f"{one[mood]['loudness']:.1f}",
            f"{metrics['by_source'][name]['recall'][mood]:.2f}",
        ]
        for name, one in metrics["meanings"].items()
        if mood in one
    ]
    header = ("curator", "tracks", "instrumental", "energy", "valence", "acousticness", "loudness dB", "recall")
    title = (
        f"What {mood} means to each curator (instrumental: the share with instrumentalness above 0.5; "
        f"medians of the other "
        "features; recall with the curator left out):"
    )
    return [title, _table(header, rows)] if rows else []


def _spoilt_row(key: str, named: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [key.replace("_", " "), *(f"{metrics['robustness'][key] * 100:.1f}" for metrics in named.values())]


def _baselines(card: ModelCard) -> dict[str, Any]:
    found: dict[str, Any] = card.metrics.get("baselines", {})
    return {name.replace("_", " "): metrics for name, metrics in found.items()}


def _result_row(name: str, metrics: Mapping[str, Any], classes: Sequence[str]) -> list[str]:
    error = metrics["standard_errors"]
    return [
        name,
        f"{metrics['accuracy'] * 100:.1f} ± {error['accuracy'] * 100:.1f}",
        f"{metrics['balanced_accuracy'] * 100:.1f} ± {error['balanced_accuracy'] * 100:.1f}",
        f"{metrics['log_loss']:.3f} ± {error['log_loss']:.3f}",
        f"{metrics['ece']:.3f}",
        f"{metrics['wrong_and_sure']:.1%}",
        " / ".join(f"{metrics['recall'].get(mood, 0):.2f}" for mood in classes),
    ]


def _decisions(card: ModelCard) -> str:
    return _bullets(
        [
            f"Labels: {', '.join(card.classes)}, the most probable one.",
            *_uncertain(card),
            f"Out of distribution: any feature outside its training range widened by {card.range_margin:.0%} of it.",
            f"Temperature {card.temperature:g}, inside the model.",
        ]
    )


def _uncertain(card: ModelCard) -> list[str]:
    if card.set_thresholds is None:
        return [f"Uncertain below {card.threshold:.2f}: {card.threshold_rule}."]
    return [
        "Uncertain: the set has more than one mood.",
        f"Threshold of the top probability, for models and programs without sets: {card.threshold:.2f}: "
        f"{card.threshold_rule}.",
    ]


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
    sources = training["by_source"]
    lines = [
        str(training["description"]),
        f"{training['tracks']} labels ({counts}), {training['without_duration']} without a duration.",
        *([f"Curators: {', '.join(f'{name} {count}' for name, count in sources.items())}."] if sources else []),
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
