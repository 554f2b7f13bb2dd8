# ruff: noqa: S608 - the parts are constants of this module
"""The questions that the mood page asks, each as the SQL that anybody can run.

``{listens}`` stands for ``mood_history``, or for a copy of one person's rows of it while a page is made: the page asks
the same questions for many periods, and the copy is read once. ``:user``, ``:first`` and ``:last`` are the person's id
and the first and last local day, both included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_PERIOD = "user_id = :user AND local_day >= :first AND local_day <= :last"
_DAYS = "user_id = :user AND day >= :first AND day <= :last"
_CONFIDENCE = (
    "CASE mood WHEN 'Calm' THEN p_calm WHEN 'Energetic' THEN p_energetic WHEN 'Happy' THEN p_happy ELSE p_sad END"
)


@dataclass(frozen=True, slots=True)
class Question:
    """One question: the ``view`` it asks, and its ``sql``."""

    view: str
    sql: str

    def shown(self) -> str:
        """The SQL for people, with its three parameters."""
        return self.sql.replace("{listens}", "mood_history")


QUESTIONS: Mapping[str, Question] = MappingProxyType(
    {
        "totals": Question(
            "mood_history",
            f"""SELECT count(*) AS listens, count(mood) AS labelled, sum(coalesce(uncertain, 0)) AS uncertain,
  count(DISTINCT track_id) AS tracks, count(DISTINCT local_day) AS days
FROM {{listens}}
WHERE {_PERIOD}""",
        ),
        "days": Question(
            "mood_daily",
            f"SELECT day, mood, listens\nFROM mood_daily\nWHERE {_DAYS}\nORDER BY day, mood",
        ),
        "hours": Question(
            "mood_history",
            f"""SELECT local_weekday, local_hour, coalesce(mood, 'Unlabelled') AS mood, count(*) AS listens
FROM {{listens}}
WHERE {_PERIOD}
GROUP BY local_weekday, local_hour, coalesce(mood, 'Unlabelled')
ORDER BY local_weekday, local_hour, mood""",
        ),
        "map": Question(
            "mood_history with audio_features",
            # Halves go up, as in SQLite: PostgreSQL rounds a DOUBLE PRECISION to the even neighbour.
            f"""SELECT CAST(round(CAST(f.valence * 20 AS NUMERIC)) AS INTEGER) AS valence_cell,
  CAST(round(CAST(f.energy * 20 AS NUMERIC)) AS INTEGER) AS energy_cell, h.mood, sum(h.listens) AS listens
FROM (
  SELECT track_id, mood, count(*) AS listens
  FROM {{listens}}
  WHERE {_PERIOD} AND mood IS NOT NULL
  GROUP BY track_id, mood
) AS h
INNER JOIN tracks AS t ON t.track_id = h.track_id
INNER JOIN audio_features AS f ON f.track_key = t.track_key
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3""",
        ),
        "path": Question(
            "mood_history with audio_features",
            f"""SELECT h.month, sum(h.listens) AS listens, sum(f.valence * h.listens) / sum(h.listens) AS valence,
  sum(f.energy * h.listens) / sum(h.listens) AS energy
FROM (
  SELECT substr(CAST(local_day AS TEXT), 1, 7) AS month, track_id, count(*) AS listens
  FROM {{listens}}
  WHERE {_PERIOD} AND mood IS NOT NULL
  GROUP BY 1, 2
) AS h
INNER JOIN tracks AS t ON t.track_id = h.track_id
INNER JOIN audio_features AS f ON f.track_key = t.track_key
GROUP BY h.month
ORDER BY h.month""",
        ),
        "transitions": Question(
            "mood_history",
            f"""SELECT a.mood AS from_mood, b.mood AS to_mood, count(*) AS transitions
FROM (
  SELECT mood, min(played_at_ms) OVER (
    ORDER BY played_at_ms RANGE BETWEEN 1 FOLLOWING AND 1800000 FOLLOWING
  ) AS next_ms
  FROM {{listens}}
  WHERE {_PERIOD}
) AS a
INNER JOIN {{listens}} AS b ON b.user_id = :user AND b.played_at_ms = a.next_ms
WHERE a.mood IS NOT NULL AND b.mood IS NOT NULL
GROUP BY a.mood, b.mood
ORDER BY a.mood, b.mood""",
        ),
        "streaks": Question(
            "mood_streaks",
            """SELECT mood, first_day, last_day, days, listens
FROM mood_streaks
WHERE user_id = :user AND last_day >= :first AND first_day <= :last
ORDER BY days DESC, first_day
LIMIT 10""",
        ),
        "unlabelled": Question(
            "mood_history",
            f"""SELECT unlabelled_reason, count(*) AS listens
FROM {{listens}}
WHERE {_PERIOD} AND mood IS NULL
GROUP BY unlabelled_reason
ORDER BY listens DESC, unlabelled_reason""",
        ),
        "sources": Question(
            "mood_history",
            f"""SELECT feature_source, model_version, count(*) AS listens
FROM {{listens}}
WHERE {_PERIOD} AND mood IS NOT NULL
GROUP BY feature_source, model_version
ORDER BY listens DESC, feature_source""",
        ),
    }
    | {
        name: Question(
            "mood_history",
            f"""SELECT mood, {columns}, listens
FROM (
  SELECT mood, {columns}, count(*) AS listens,
    row_number() OVER (PARTITION BY mood ORDER BY count(*) DESC, {key}) AS place
  FROM {{listens}}
  WHERE {_PERIOD} AND mood IS NOT NULL
  GROUP BY mood, {columns}
) AS ranked
WHERE place <= {most}
ORDER BY mood, place""",
        )
        for name, columns, key, most in (
            ("tracks", "track_id, track, artists", "track_id", 8),
            ("artists", "artists", "artists", 8),
        )
    }
    | {
        "certain": Question(
            "mood_history",
            f"""SELECT track, artists, mood, p_calm, p_energetic, p_happy, p_sad, listens
FROM (
  SELECT track, artists, mood, p_calm, p_energetic, p_happy, p_sad, count(*) AS listens,
    row_number() OVER (PARTITION BY mood ORDER BY {_CONFIDENCE} DESC, count(*) DESC, track, artists) AS place
  FROM {{listens}}
  WHERE {_PERIOD} AND mood IS NOT NULL
  GROUP BY track, artists, mood, p_calm, p_energetic, p_happy, p_sad
) AS ranked
WHERE place <= 2
ORDER BY mood, place""",
        ),
        "doubtful": Question(
            "mood_history",
            f"""SELECT track, artists, mood, p_calm, p_energetic, p_happy, p_sad, count(*) AS listens
FROM {{listens}}
WHERE {_PERIOD} AND mood IS NOT NULL
GROUP BY track, artists, mood, p_calm, p_energetic, p_happy, p_sad
ORDER BY {_CONFIDENCE}, count(*) DESC, track, artists
LIMIT 8""",
        ),
        "gaps": Question(
            "gaps",
            """SELECT g.starts_at_ms, g.ends_at_ms, g.filled_at_ms
FROM gaps AS g
INNER JOIN users AS u ON u.user_key = g.user_key
WHERE u.user_id = :user
ORDER BY g.starts_at_ms DESC""",
        ),
    }
)
"""The questions by name; ``days``, ``path`` and ``gaps`` are asked once a person, the others for each period."""
