"""The model card for people, in Markdown."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

    from mood_core.classifier.model_card import ModelCard


def card_markdown(card: ModelCard) -> str:
    """The whole card as Markdown. It refers to the plots beside it."""
    metrics = card.metrics
    baselines = {name.replace("_", " "): one for name, one in metrics.get("baselines", {}).items()}
    full = metrics.get("full_sources", ())
    return _render(
        "model_card.md.j2",
        card,
        by_source=card.protocol.get("group_by") == "source",
        models={"**this model's recipe**": metrics, **baselines},
        part=[name for name in metrics["by_source"] if name not in full],
        meanings={name: one["Calm"] for name, one in metrics.get("meanings", {}).items() if "Calm" in one},
        changes=metrics.get("changed_moods"),
    )


def _render(name: str, card: ModelCard, **values: Any) -> str:
    return _templates().get_template(name).render(card=card, lowest=_lowest_coverage(card), **values)


def _lowest_coverage(card: ModelCard) -> dict[str, Any] | None:
    found = [
        {"share": share, "mood": mood, "curator": curator}
        for curator, one in card.metrics.get("mood_sets", {}).get("left_out", {}).items()
        for mood, share in one["by_mood"].items()
    ]
    return min(found, key=lambda one: one["share"], default=None)


@lru_cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    loader = PackageLoader("mood_core.classifier.training", "")
    templates = Environment(
        loader=loader, autoescape=select_autoescape(), undefined=StrictUndefined, keep_trailing_newline=True
    )
    templates.filters["percent"] = lambda share: f"{share * 100:.1f}"
    return templates
