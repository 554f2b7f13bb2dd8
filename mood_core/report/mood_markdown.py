"""The last days' moods as a markdown picture, for places that show text alone: the artifact of a nightly run."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import text

from mood_core.records import MOODS
from mood_core.store.database import Database

_SIGNS = {"Calm": "○", "Energetic": "▲", "Happy": "●", "Sad": "▽", "Unlabelled": "·"}
_CELLS = 24
_DAYS = text(
    "SELECT display_name, day, mood, listens FROM mood_daily WHERE day >= :first AND day <= :last"
    " ORDER BY user_id, day DESC, mood"
)


def mood_markdown(database: Database, today: date, *, days: int = 7, most_people: int = 20) -> str:
    """A markdown table of the ``days`` up to ``today``: a row for each person and day, with a bar of signs.

    Only the first ``most_people`` people are drawn; the last line says so.

    Raises:
        StoreError: The database cannot be read.
    """
    values = {"first": str(today - timedelta(days=days - 1)), "last": str(today)}
    counted: dict[str, dict[str, dict[str, int]]] = {}
    with database.read() as connection:
        for row in connection.execute(_DAYS, values):
            counted.setdefault(row.display_name, {}).setdefault(str(row.day), {})[row.mood] = row.listens
    if not counted:
        return f"No listens from {values['first']} to {values['last']}."
    lines = ["| person | day | moods | listens |", "|---|---|---|---:|"]
    for name in list(counted)[:most_people]:
        for day, listens in counted[name].items():
            lines.append(f"| {_plain(name)} | {day} | `{_bar(listens)}` | {sum(listens.values())} |")
    lines += ["", ", ".join(f"{sign} {mood}" for mood, sign in _SIGNS.items()) + ". From the view mood_daily."]
    if len(counted) > most_people:
        lines.append(f"The first {most_people} of {len(counted)} people are shown.")
    return "\n".join(lines)


def _bar(listens: dict[str, int]) -> str:
    total, seen, bar = sum(listens.values()), 0, ""
    for mood in (*MOODS, "Unlabelled"):
        seen += listens.get(mood, 0)
        bar += _SIGNS[mood] * (round(_CELLS * seen / total) - len(bar))
    return bar


def _plain(name: str) -> str:
    """A name that can be no markup."""
    return name.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("[", "\\[").replace("\n", " ")
