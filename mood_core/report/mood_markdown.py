"""The last days' moods as a Markdown table, for places that show only text: an artifact of the nightly run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from mood_core.domain.days import day_number, day_of
from mood_core.domain.mood_style import SIGNS
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.queries.accounts import MOST_COUNTED, people_counted
from mood_core.store.queries.people_read import note_people
from mood_core.text.names import name_order

_ESCAPED = str.maketrans(
    {**{sign: "\\" + sign for sign in "\\`*_[]|~#"}, "<": "&lt;", "&": "&amp;", "\n": " ", "\r": " "}
)


def mood_markdown(database: Database, today: date, *, days: int = 7, most_people: int = 20) -> str:
    """A Markdown table of the ``days`` up to ``today``: a row for each person and day, a column for each mood.

    Shows the ``most_people`` people with the most listens on these days; if there are more, the last line says so.

    Raises:
        StoreError: The database cannot be read.
    """
    last = day_number(today)
    counted: dict[tuple[str, str], dict[int, dict[str, int]]] = {}
    with database.read() as connection:
        people = connection.scalar(query("count_people"), {"most": MOST_COUNTED})
        # One more day: in some time zones it is tomorrow already.
        span = {"first": last - days + 1, "last": last + 1, "most": most_people}
        for row in connection.execute(query("recent_days_by_person"), span):
            counted.setdefault((row.user_id, row.display_name), {}).setdefault(row.day, {})[row.mood] = row.listens
    note_people(counted)
    if not counted:
        return f"No listens from {today - timedelta(days=days - 1)} to {today}."
    header = ["person", "day", *(f"{sign} {mood}" for mood, sign in SIGNS.items()), "listens"]
    lines = [_row(header), _row(["---", "---", *["---:"] * (len(header) - 2)])]
    for (_, name), by_day in sorted(counted.items(), key=lambda item: (name_order(item[0][1]), item[0][0])):
        for day, listens in by_day.items():
            counts = [str(listens.get(mood, "")) for mood in SIGNS]
            lines.append(_row([as_text(name), str(day_of(day)), *counts, str(sum(listens.values()))]))
    lines += ["", "From the view mood_daily."]
    if people and people > most_people:
        lines.append(f"Of {people_counted(people)}, the {most_people} with the most listens on these days are shown.")
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def as_text(name: str) -> str:
    """A name from outside, escaped for Markdown, on one line."""
    return name.translate(_ESCAPED)
