"""How many of the newest listens have a mood, by year of release and source of the features, and why others have none.

It reads a sample of fixed size, so it costs the same for any number of listens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.text.format import plural

NEWEST = 2_000
"""The number of newest listens that are read, of all people together."""

_MOST_PEOPLE = 100


@dataclass(frozen=True, slots=True)
class Forecast:
    """The newest listens of some people.

    ``by_year`` has a row for each year of release ('unknown' without a date), the newest first, ``by_source`` one for
    each feature source: ``listens``, ``with_mood`` and their ``share`` (0-1). ``reasons`` counts the listens without a
    mood by the reason of the view ``_track_moods``, and ``dated_by_isrc`` those whose year is that of the ISRC's
    registration.
    """

    listens: int
    with_mood: int
    dated_by_isrc: int
    by_year: list[dict[str, Any]]
    by_source: list[dict[str, Any]]
    reasons: dict[str, int]

    @property
    def share(self) -> float:
        """The share of the listens that have a mood, 0-1."""
        return self.with_mood / max(self.listens, 1)

    @property
    def note_on_years(self) -> str | None:
        """A sentence about years that are estimated; None without one."""
        if not self.dated_by_isrc:
            return None
        listens = plural(self.dated_by_isrc, "listen")
        return f"Of {listens} the year is that in the recording's code (ISRC), so the music may be older."


def forecast(database: Database, user_ids: Sequence[str], newest: int = NEWEST) -> Forecast:
    """Count the ``newest`` listens of ``user_ids``; of more than 100 people, those of 100 are read.

    Raises:
        StoreError: The database cannot be read.
    """
    people = user_ids[:: -(-len(user_ids) // _MOST_PEOPLE) or 1]
    counts: Counter[tuple[str, str, str | None]] = Counter()
    dated_by_isrc = 0
    with database.read() as connection:
        for user_id in people:
            values = {"user": user_id, "newest": -(-newest // len(people))}
            for row in connection.execute(query("newest_listens_by_year"), values):
                counts[row.release_year, row.feature_source, row.unlabelled_reason] += row.listens
                dated_by_isrc += row.dated_by_isrc
    reasons = Counter[str]()
    for (_, _, reason), listens in counts.items():
        if reason is not None:
            reasons[reason] += listens
    by_year = sorted(_shares(counts, 0, "release_year"), key=lambda row: row["release_year"], reverse=True)
    by_year.sort(key=lambda row: not row["release_year"].isdigit())
    by_source = sorted(_shares(counts, 1, "feature_source"), key=lambda row: (-row["listens"], row["feature_source"]))
    total = counts.total()
    return Forecast(total, total - reasons.total(), dated_by_isrc, by_year, by_source, dict(sorted(reasons.items())))


def _shares(counts: Mapping[tuple[str, str, str | None], int], place: int, name: str) -> list[dict[str, Any]]:
    listens, with_mood = Counter[str](), Counter[str]()
    for key, count in counts.items():
        group = str(key[place])
        listens[group] += count
        with_mood[group] += count * (key[2] is None)
    return [
        {name: group, "listens": count, "with_mood": with_mood[group], "share": round(with_mood[group] / count, 4)}
        for group, count in listens.items()
    ]


def what_helps(found: Forecast, commands: Collection[str] = ()) -> list[str]:
    """What raises the share of listens with a mood, the largest part first; ``commands`` are moodlog's."""
    audio = "; `moodlog audio add FOLDER` reads audio files that you own" if "audio" in commands else ""
    remedies = {
        "not labelled yet": "`moodlog run` labels them",
        "features not asked for yet": "`moodlog run` asks for their features",
        "no features known": (
            f"`moodlog catalog add FILE` adds features that you have{audio}; otherwise wait: sources are asked again"
            " for months, and know more of a year's releases later"
        ),
        "none of these moods": "by your own answers, which `moodlog answers` lists",
        "local file": "no service has features of files on your computer" + audio,
    }
    largest = sorted(found.reasons.items(), key=lambda item: -item[1])
    return [
        f"{count / found.listens:.0%} {reason}: {remedies.get(reason, 'see docs/faq.md')}" for reason, count in largest
    ]
