"""A year in review: a story of up to eight cards, each an upright picture (SVG, 1080 × 1350)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from mood_core.domain.days import MONTHS
from mood_core.domain.mood_style import COLOURS, INKS, LOOKS, SIGNS
from mood_core.domain.records import ALL_MOODS, MOODS, UNLABELLED
from mood_core.files.private import file_stem
from mood_core.report.page import asset_text, policy_of
from mood_core.report.recap import Most, Recap
from mood_core.report.recap_period import compared_days, up_to
from mood_core.text.format import plural
from mood_core.text.sanitise import xml_text

SOURCE = "moodlog: moods are a model's estimate of the sound, not how somebody felt"
WIDTH, HEIGHT = 1080, 1350
"""The size of a card [px]."""

_MOST_LINES = 3
_WIDTH = 920  # of the text on a card
_NARROW = frozenset("iljIJftr.,:;'|!()[]{}-·° \u202f\u00a0")
_WIDE = frozenset("MWmw@%&—…ЖШЩЮФжшщюфѲ")
_LAST_OF_LATIN = 0x24F
_LOOK = LOOKS["light"]
_DARK = LOOKS["dark"]
_ALONE = (
    f":root{{color-scheme:light dark}}body{{margin:24px;background:{_LOOK['card']};color:{_LOOK['ink']};"
    "font-family:system-ui,sans-serif;overflow-wrap:anywhere}"
    f"@media screen and (prefers-color-scheme:dark){{body{{background:{_DARK['ground']};color:{_DARK['ink']}}}}}"
)


@dataclass(frozen=True, slots=True)
class Card:
    """A card: its kind (a part of the template), its title for the file name and screen readers, and its values."""

    kind: str
    title: str
    words: str
    values: dict[str, Any] = field(default_factory=dict)


def cards(recap: Recap) -> list[Card]:
    """The cards of ``recap``; those without anything to say are left out."""
    return list(_cards(recap)) if recap.total else []


def _cards(recap: Recap) -> Iterator[Card]:
    minutes = plural(recap.minutes, "minute") if recap.minutes else ""
    noun = f"{'listen' if recap.total == 1 else 'listens'} {up_to(recap.until)}".strip()
    cover = {"total": plural(recap.total), "noun": noun, "minutes": minutes, "listens": recap.listens}
    yield Card("cover", recap.period.dates, f"{plural(recap.total)} {noun}, {minutes}", cover)
    leading = recap.leading()
    if leading:
        shares = [_share(recap, mood) for mood in MOODS]
        yield Card("moods", "The moods", f"{leading} music led", {"shares": shares, "few": recap.is_few})
    yield _months(recap)
    colours = sorted(MOODS, key=lambda mood: -recap.listens[mood])
    for title, most, mood in (
        ("Most played", recap.top_track, colours[0]),
        ("Top artist", recap.top_artist, colours[1]),
    ):
        if most is not None:
            yield Card("top", title, f"{most}, {plural(most.listens, 'time')}", _most(most) | {"mood": mood})
    if len(recap.top_of_mood) > 1:
        songs = [
            (mood, best, cut(best.title, 780 / 46), cut(best.artists, 780 / 34))
            for mood, best in recap.top_of_mood.items()
        ]
        words = "; ".join(f"{mood}: {best}" for mood, best, *_ in songs)
        yield Card("songs", "A song of each mood", words, {"songs": songs})
    changes = [(mood, *values) for mood, values in recap.shares().items() if mood in MOODS and values[1] is not None]
    if changes:
        before = recap.period.before.dates
        words = f"The line is the share of {compared_days(before, recap.until)}"
        yield Card("changes", f"Compared with {before}", words, {"changes": changes})


def _share(recap: Recap, mood: str) -> dict[str, Any]:
    listens, said = recap.listens[mood], f"n = {plural(recap.listens[mood])}"
    if mood in recap.intervals:
        low, high = recap.intervals[mood]
        said += f"; expected {recap.expected[mood]:.0%} ({100 * low:.0f}–{100 * high:.0f}%)"
    return {"mood": mood, "share": 100 * listens / recap.total, "said": said}


def _months(recap: Recap) -> Card:
    totals = [sum(part.values()) for part in recap.parts]
    busiest = max(range(len(totals)), key=totals.__getitem__)
    words = f"Most listens were {recap.period.part_name(busiest)}: {plural(totals[busiest])}"
    shown = [mood for mood in ALL_MOODS if mood in MOODS or recap.listens[mood]]
    letters = [month[0] for month in MONTHS]
    values = {"parts": recap.parts, "most": max(totals), "letters": letters, "legend": shown}
    return Card("months", "Month by month", words, values)


def _most(most: Most) -> dict[str, Any]:
    title = most.title or most.artists
    size = 104 if width_of(title) < 22 else 76
    return {
        "lines": wrapped(title, _WIDTH / size),
        "size": size,
        "by": cut(most.artists, _WIDTH / 46) if most.title else "",
        "listens": plural(most.listens),
    }


def width_of(text: str) -> float:
    """The width of bold ``text`` in em, roughly and rather too wide: there is no font to ask."""
    return sum(map(_width, text))


@cache
def _width(sign: str) -> float:
    if unicodedata.category(sign) in ("Mn", "Me", "Cf"):
        return 0.0
    if unicodedata.east_asian_width(sign) in "WF":
        return 1.3 if unicodedata.category(sign) == "So" else 1.0
    if sign in _NARROW:
        return 0.38
    if sign in _WIDE:
        return 1.05
    return 0.76 if sign.isupper() or ord(sign) > _LAST_OF_LATIN else 0.64


def points(change: float) -> str:
    """A change in whole percentage points."""
    whole = round(change)
    sign = "±" if whole == 0 else "+" if whole > 0 else "\N{MINUS SIGN}"
    return f"{sign}{plural(abs(whole), 'point')}"


def cut(text: str, most: float) -> str:
    """``text`` of at most so many em, with an ellipsis if it is longer."""
    if width_of(text) <= most:
        return text
    widths = accumulate(map(_width, text))
    letters = sum(width <= most - 1 for width in widths)
    return f"{text[:letters].rstrip()}…"


def wrapped(text: str, most: float) -> list[str]:
    """``text`` in at most three lines of ``most`` em."""
    lines = [""]
    for word in text.split():
        for piece in _pieces(word, most):
            if lines[-1] and width_of(f"{lines[-1]} {piece}") > most:
                lines.append(piece)
            else:
                lines[-1] = f"{lines[-1]} {piece}".strip()
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES - 1], cut(f"{lines[_MOST_LINES - 1]} {lines[_MOST_LINES]}", most)]
    return lines


def _pieces(word: str, most: float) -> Iterator[str]:
    """A word that is too long for a line in parts."""
    piece, width = "", 0.0
    for sign in word:
        width += _width(sign)
        if piece and width > most:
            yield piece
            piece, width = "", _width(sign)
        piece += sign
    yield piece


def drawn_cards(recap: Recap) -> list[tuple[str, Markup]]:
    """The title and the SVG of each card."""
    template = _templates().get_template("card.svg.j2")
    period = shown_period(recap)
    shared = {
        "name": cut(recap.display_name, 1.2 * _WIDTH / 34 - width_of(f" · {period}")),
        "year": recap.period.dates,
        "period": period,
        "source": SOURCE,
        "look": _LOOK,
        "colours": COLOURS,
        "inks": INKS,
        "signs": SIGNS,
        "moods": ALL_MOODS,
        "leading": recap.leading() or UNLABELLED,
        "points": points,
        "total": recap.total,
    }
    # The template escapes names.
    return [(card.title, Markup(template.render(card=card, **shared))) for card in cards(recap)]  # noqa: S704


def render_cards(recap: Recap) -> str:
    """The cards as one HTML file, which needs no network. Each card can be saved as a PNG."""
    script, style = asset_text("cards.js"), f"{asset_text('cards.css')}\n{_ALONE}"
    return (
        _templates()
        .get_template("cards.html.j2")
        .render(
            people=file_stem(recap.user_id),
            policy=policy_of([script], style),
            name=recap.display_name,
            period=shown_period(recap),
            key=recap.period.key,
            cards=drawn_cards(recap),
            script=Markup(script),  # noqa: S704 - the project's own file
            style=Markup(style),  # noqa: S704
        )
    )


def shown_period(recap: Recap) -> str:
    """The year, and how far it is counted if it is not over: 2026, up to 28 Nov."""
    return ", ".join(filter(None, (recap.period.dates, up_to(recap.until))))


def _templates() -> Environment:
    loader = PackageLoader("mood_core.report", "assets")
    found = Environment(
        loader=loader,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: xml_text(value) if type(value) is str else value,
    )
    found.filters["plural"] = plural
    return found
