"""The queries of README and docs answer on both databases, and say what they promise."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from mood_core.lake import open_lake
from mood_core.store import Database
from tests.questions import documented_questions
from tests.store_data import query, small_history

_LONG_LIST = "store.md listen_sessions"


def test_every_documented_query_answers(migrated: Database, tmp_path: Path) -> None:
    small_history(open_lake(str(tmp_path / "lake")), migrated)
    name = query(migrated, "SELECT min(display_name) FROM users")[0][0]
    found = list(documented_questions(migrated.dialect, name))
    questions = dict(found)
    assert len(questions) == len(found), "each has a name of its own"
    assert {"README.md mood_daily", "answers.md answers", "features.md resolutions", _LONG_LIST} <= questions.keys()
    with migrated.read() as connection:
        answers = {title: connection.execute(text(sql.replace(":", "\\:"))).all() for title, sql in questions.items()}
        kept = connection.execute(
            text(
                "SELECT track, artists, listens FROM top_tracks_by_mood"
                " WHERE display_name = :name AND mood = 'Calm' ORDER BY place"
            ),
            {"name": name},
        ).all()
    assert kept
    assert answers[_LONG_LIST][: len(kept)] == kept, "the longer list begins as the kept one"
