"""The Grafana dashboard: every query in it answers on PostgreSQL, with Grafana's macros filled in."""

import json
import re
from pathlib import Path

import pytest

from tests.report_history import USER, add_history, workspace

_FILE = Path(__file__).resolve().parents[2] / "docs" / "grafana" / "moodlog.json"
_PANELS = json.loads(_FILE.read_text(encoding="utf-8"))["panels"]


@pytest.mark.postgresql
def test_every_panel_answers(tmp_path: Path, postgres_url: str) -> None:
    with workspace(tmp_path, postgres_url) as space:
        add_history(space, 200)
        for panel in _PANELS:
            sql = panel["targets"][0]["rawSql"].replace("$person", "'" + USER.display_name.replace("'", "''") + "'")
            sql = re.sub(r"\$__timeFilter\((.*?)\)", r"\1 BETWEEN '2000-01-01' AND '2100-01-01'", sql)
            with space.database.read() as connection:
                assert connection.exec_driver_sql(sql).all(), panel["title"]
