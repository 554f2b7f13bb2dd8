"""The card's section about sets of moods: how often they hold the mood, for curators left out and inside each one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mood_core.classifier.model_card import ModelCard


def sets_text(card: ModelCard) -> str:
    """What a set is, and a table of coverage and size by curator; Markdown."""
    sets = card.metrics["mood_sets"]
    thresholds = ", ".join(f"{mood} {value:.3f}" for mood, value in sets["thresholds"].items())
    said = (
        f"A track's set has every mood whose probability reaches its threshold ({thresholds}), and always the most "
        f"probable mood. A label is uncertain if its set has more than one mood. "
    )
    if not sets["left_out"]:
        return (
            f"{said}The sets hold the mood of {sets['coverage']:.1%} of the held-out tracks, with {sets['size']:.2f} "
            "moods on average. There was one curator, so nothing is known about others."
        )
    return "\n\n".join([f"{said}{_claim(sets)}", _table(sets, card.classes), _weakest(sets)])


def _claim(sets: Mapping[str, Any]) -> str:
    by_mood = ", ".join(f"{mood} {share:.1%}" for mood, share in sets["by_mood"].items())
    return (
        f"The thresholds are chosen so that the sets hold the mood for {sets['level']:.0%} of the tracks of a curator "
        f"never seen, as a mean over curators left out one at a time: {sets['coverage']:.1%} ({by_mood}), with "
        f"{sets['size']:.2f} moods on average. For a single curator the share can be lower."
    )


def _table(sets: Mapping[str, Any], classes: Sequence[str]) -> str:
    header = (
        "curator left out",
        "tracks",
        "covered %",
        "moods in a set",
        f"covered % {' / '.join(classes)}",
        "inside: covered %",
        "moods in a set",
        f"covered % {' / '.join(classes)}",
    )
    rows = [
        (name, str(one["tracks"]), *_cells(one, classes), *_cells(sets.get("inside", {}).get(name), classes))
        for name, one in sets["left_out"].items()
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, ["---"] * len(header), *rows))


def _cells(score: Mapping[str, Any] | None, classes: Sequence[str]) -> tuple[str, str, str]:
    if score is None:
        return "", "", ""
    by_mood = [f"{score['by_mood'][mood] * 100:.0f}" if mood in score["by_mood"] else "–" for mood in classes]
    return f"{score['coverage'] * 100:.1f}", f"{score['size']:.2f}", " / ".join(by_mood)


def _weakest(sets: Mapping[str, Any]) -> str:
    share, mood, name = min(
        (share, mood, name) for name, one in sets["left_out"].items() for mood, share in one["by_mood"].items()
    )
    return f"The lowest: {mood} of {name}, whose sets hold the mood for {share:.1%} of the tracks."
