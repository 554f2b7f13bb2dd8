"""What Datasette is told: every canned query runs, and the table of tokens is refused."""

from pathlib import Path

import pytest
from sqlalchemy import text

from mood_core.report.datasette_metadata import QUERIES, datasette_metadata
from tests.report_history import USER, add_history, workspace


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_canned_queries_answer(tmp_path: Path, name: str) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 200)
        with space.database.read() as connection:
            parameters = {"person": USER.display_name, "mood": "Calm"}
            assert connection.execute(text(QUERIES[name][1]), parameters).all()


def test_tokens_are_refused() -> None:
    told = datasette_metadata("moodlog")["databases"]["moodlog"]
    assert told["tables"]["accounts"]["allow"] is False
    assert told["allow_sql"] is False
