"""What docs/dashboards.md says, done as it says: Datasette, Grafana's queries, Metabase's questions, and the lake."""

from __future__ import annotations

import csv
import html
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]
import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from mood_core.app.workspace import Workspace
from mood_core.report.datasette_metadata import QUERIES
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.sql_files import sql_file
from tests.questions import grafana_questions
from tests.report_history import USER, add_history, workspace
from tests.running import first_line, running

_DOCS = Path(__file__).resolve().parents[2] / "docs"
_PAGE = (_DOCS / "dashboards.md").read_text(encoding="utf-8")
_DASHBOARD = json.loads((_DOCS / "grafana" / "moodlog.json").read_text(encoding="utf-8"))
_NAME = "'" + USER.display_name.replace("'", "''") + "'"


def _blocks(heading: str, language: str) -> list[str]:
    part = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", _PAGE, re.DOTALL | re.MULTILINE)
    assert part, heading
    return re.findall(rf"```{language}\n(.*?)```", part[1], re.DOTALL)


def test_every_picture_is_shown_and_every_picture_shown_is_there() -> None:
    pages = [*_DOCS.rglob("*.md"), _DOCS.parent / "README.md"]
    shown = {
        (page.parent / name).resolve()
        for page in pages
        for name in re.findall(r"!\[[^\]]+\]\(([^)]+\.png)\)", page.read_text(encoding="utf-8"))
    }
    assert {path.resolve() for path in (_DOCS / "images").glob("*.png")} <= shown
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in shown)


# -- Python: SQLite and the lake --

_PYTHON = [
    *(("home", block) for block in _blocks("SQLite in pandas", "python")),
    *(("home/lake", block) for block in _blocks("The lake in DuckDB, pandas and polars", "python")),
]


def _triples(result: Any) -> list[tuple[str, str, int]]:
    rows = result.rows() if hasattr(result, "rows") else result.itertuples(index=False, name=None)
    return sorted((str(month), str(mood), int(listens)) for month, mood, listens in rows)


@pytest.mark.parametrize(
    ("folder", "block"), _PYTHON, ids=[re.findall(r"import (duckdb|sqlite3|pandas|polars)", b)[0] for _, b in _PYTHON]
)
def test_python_blocks_count_what_sql_counts(
    folder: str, block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    with workspace(tmp_path / "home") as space:
        add_history(space, 400)
        with space.database.read() as connection:
            wanted = connection.execute(
                text(
                    "SELECT substr(played_at, 1, 7) AS month, coalesce(mood, 'Unlabelled') AS mood, count(*) AS listens"
                    " FROM mood_history GROUP BY 1, 2 ORDER BY 1, 2"
                )
            ).all()
    monkeypatch.chdir(tmp_path / folder)
    names: dict[str, Any] = {}
    exec(block.replace("playlist-moods/2", "model/1"), names)  # noqa: S102 - our own page
    found = _triples(names["result"])
    assert len(found) >= 10
    assert sum(count for _, _, count in found) == 400
    if folder == "home/lake":  # in UTC; SQL's days are the person's own
        assert found == [tuple(row) for row in wanted]


def test_the_file_for_analysis_of_a_study_has_what_the_view_has(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Workspace() as space:
        add_history(space, 200)
        with space.database.read() as connection:
            listens = connection.execute(text("SELECT sum(listens) FROM mood_daily")).scalar_one()
    page = (_DOCS / "quickstarts" / "study.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(textwrap.dedent(block), {})  # noqa: S102 - our own page
    with Path("mood_daily.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["listens"]) for row in rows) == listens == 200
    assert {row["display_name"] for row in rows} == {USER.display_name}


# -- PostgreSQL: Grafana and Metabase, as the reading user --


@pytest.fixture
def reader(tmp_path: Path, postgres_url: str) -> Iterator[Connection]:
    """A connection with the rights that docs/store.md gives to readers."""
    with workspace(tmp_path, postgres_url) as space:
        add_history(space, 400)
        with suppress(ProgrammingError), space.database.engine.begin() as connection:
            connection.exec_driver_sql("CREATE ROLE moodlog_reader")  # it belongs to the server, and may be there
        # Straight to the driver, which takes a statement without parameters as it stands.
        with psycopg.connect(postgres_url.replace("+psycopg", "")) as owner:
            owner.execute(sql_file("roles", "moodlog_reader.postgresql").text.encode())
        with space.database.engine.connect() as connection:
            connection.exec_driver_sql("SET ROLE moodlog_reader")
            yield connection
            connection.rollback()


@pytest.mark.postgresql
def test_every_panel_of_grafana_answers(reader: Connection) -> None:
    questions = list(grafana_questions([USER.display_name], "2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z"))
    assert len(questions) > len(_DASHBOARD["panels"])
    for title, sql in questions:
        assert "$" not in sql
        rows = reader.exec_driver_sql(sql).all()
        assert rows, title
        assert all(value is not None for value in rows[0]), title
    (people,) = (one for one in _DASHBOARD["templating"]["list"] if one["name"] == "person")
    assert reader.exec_driver_sql(people["query"]).all() == [(USER.display_name,)]


@pytest.mark.postgresql
def test_grafanas_numbers_add_up(reader: Connection) -> None:
    panels = {panel["title"]: panel["targets"][0]["rawSql"] for panel in _DASHBOARD["panels"]}
    sql = {
        title: re.sub(r"\$__timeFilter\((.*?)\)", "true", one.replace("${person:sqlstring}", _NAME))
        for title, one in panels.items()
    }
    assert reader.exec_driver_sql(sql["Listens"]).scalar() == 400
    assert sum(row.value for row in reader.exec_driver_sql(sql["Mood share by day"])) == 400
    hours = reader.exec_driver_sql(sql["Moods by hour of the day, of all time"]).all()
    assert sum(sum(row[1:]) for row in hours) == 400
    unlabelled = sum(row.listens for row in reader.exec_driver_sql(sql["Unlabelled, and why, of all time"]))
    assert reader.exec_driver_sql(sql["With a mood"]).scalar() == pytest.approx(1 - unlabelled / 400)


_SOURCE = {
    "type": "object",
    "required": ["type", "uid"],
    "properties": {"type": {"const": "grafana-postgresql-datasource"}, "uid": {"const": "${source}"}},
}
_SCHEMA = {
    "type": "object",
    "required": ["title", "uid", "schemaVersion", "panels", "templating", "time"],
    "properties": {
        "uid": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,40}$"},
        "schemaVersion": {"type": "integer", "minimum": 36},
        "panels": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["id", "title", "type", "gridPos", "datasource", "targets", "fieldConfig"],
                "properties": {
                    "id": {"type": "integer", "minimum": 1},
                    "type": {"enum": ["timeseries", "table", "stat", "barchart"]},
                    "gridPos": {
                        "type": "object",
                        "required": ["h", "w", "x", "y"],
                        "additionalProperties": {"type": "integer", "minimum": 0},
                    },
                    "datasource": _SOURCE,
                    "targets": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "required": ["refId", "format", "rawQuery", "rawSql", "datasource"],
                            "properties": {
                                "format": {"enum": ["table", "time_series"]},
                                "rawQuery": {"const": True},
                                "datasource": _SOURCE,
                            },
                        },
                    },
                    "fieldConfig": {"type": "object", "required": ["defaults", "overrides"]},
                },
            },
        },
        "templating": {
            "type": "object",
            "required": ["list"],
            "properties": {
                "list": {
                    "type": "array",
                    "items": {"type": "object", "required": ["name", "type", "query"]},
                }
            },
        },
    },
}
"""What Grafana's documentation of the dashboard JSON model asks for, as far as this dashboard uses it."""


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    jsonschema.validate(_DASHBOARD, _SCHEMA)
    panels = _DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below


@pytest.mark.postgresql
@pytest.mark.parametrize("chosen", [True, False])
def test_metabases_questions_answer(reader: Connection, chosen: bool) -> None:
    questions = _blocks("Metabase", "sql")
    assert len(questions) == 3
    for question in questions:
        sql = re.sub(r"\[\[(.*?)\]\]", r"\1" if chosen else "", question).replace("{{person}}", _NAME)
        assert reader.exec_driver_sql(sql).all()


# -- Datasette --


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_canned_queries_answer(tmp_path: Path, name: str) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 200)
        with space.database.read() as connection:
            parameters = {"person": USER.display_name, "user_id": USER.user_id, "mood": "Calm"}
            assert connection.execute(query(QUERIES[name][1]), parameters).all()


@pytest.fixture
def browsing(home: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """``moodlog browse`` on a free port: the address that it prints, and its process."""
    pytest.importorskip("datasette", reason="the extra datasette is not installed")
    with Workspace() as space:
        add_history(space, 200)
    with running("browse", "--port", "0") as process:
        yield first_line(process), process


@pytest.mark.slow
def test_browse_shows_the_views_and_refuses_the_rest(browsing: tuple[str, subprocess.Popen[str]]) -> None:
    address, _ = browsing
    assert address.startswith("http://127.0.0.1:")
    with httpx.Client(base_url=address.partition("?")[0], timeout=600) as client:
        assert client.get(address).status_code == 200
        view = client.get("moodlog/mood_daily.json", params={"_shape": "array", "_facet": "mood"}).json()
        assert {row["display_name"] for row in view} == {USER.display_name}
        for name in QUERIES:
            shown = client.get(f"moodlog/{name}", params={"person": "", "user_id": USER.user_id, "mood": "Calm"})
            assert shown.status_code == 200, name
        assert "<img src=x" not in client.get("moodlog/mood_daily").text
        assert client.get("moodlog/_accounts.json").status_code == 403
        start = client.get("").text
        links = re.findall(r'href="(moodlog/[^"]+)">', start.split("<h2")[0])
        assert [link.partition("?")[0] for link in links] == [
            "moodlog/mood_history",
            *(f"moodlog/{name}" for name in QUERIES),
        ]
        assert [client.get(link).status_code for link in links] == [200] * len(links)
        assert USER.display_name in html.unescape(client.get(links[-1]).text)
        for link in re.findall(r'(?:href|src)="(/[^"#]*)', start):
            assert client.get(str(client.base_url.join(link))).status_code == 200, link
        listed = client.get("moodlog").text
        assert [
            name for name in ("_listen_times", "_done_until", "_cache_versions") if f"/moodlog/{name}" in listed
        ] == []
        assert "share of the listens" in client.get("moodlog/mood_daily").text
        assert client.get("moodlog.json", params={"sql": "SELECT * FROM _accounts"}).status_code == 403
        assert client.get("moodlog/mood_daily.json", params={"_where": "1=1"}).status_code in (400, 403)
        assert client.get("moodlog.db").status_code in (403, 404)
        assert client.post("moodlog/users/-/insert", json={"row": {}}).status_code >= 400


_MOST_PAGES = 150
"""A bound: each facet of a page has a page with facets."""


@pytest.mark.slow
def test_no_link_of_browse_leads_to_an_error(browsing: tuple[str, subprocess.Popen[str]]) -> None:
    """Links of the start page, and of tables with facets: next page, JSON, CSV, each facet, and "hide SQL"."""
    address, _ = browsing
    with httpx.Client(timeout=600, follow_redirects=True) as client:
        start = httpx.URL(address).copy_with(query=None)
        client.get(address)
        waiting = [
            start,
            *(
                start.join(f"moodlog/{page}")
                for page in (
                    "mood_history?_facet=mood&_size=20",
                    "mood_daily?_facet=mood&_facet=display_name&_size=5",
                    f"top-tracks?user_id={USER.user_id}&mood=Calm",
                )
            ),
        ]
        found = set(waiting)
        kinds: set[str] = set()
        for page in waiting:  # it grows
            answer = client.get(page)
            assert answer.status_code == 200, page
            kinds |= _kinds(page)
            if "text/html" not in answer.headers["content-type"]:
                continue
            for link in re.findall(r'(?:href|src)="([^"#]+)', answer.text):
                target = page.join(html.unescape(link))
                own = target.host == start.host and not target.path.endswith(("-/logout", ".db"))
                if own and target not in found and len(found) < _MOST_PAGES:
                    found.add(target)
                    waiting.append(target)
    assert kinds >= {"json", "csv", "_next", "mood", "_hide_sql"}


def _kinds(page: httpx.URL) -> set[str]:
    return {page.path.rpartition(".")[2], *page.params}


@pytest.mark.slow
def test_browse_shows_nothing_without_its_token(browsing: tuple[str, subprocess.Popen[str]]) -> None:
    """A page of another origin, another user of the machine, and a name that leads to 127.0.0.1."""
    address, process = browsing
    folder, _, token = address.partition("?token=")
    root = str(httpx.URL(address).copy_with(path="/", query=None))
    cookie = httpx.get(address).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", f"Path={httpx.URL(folder).path}"} <= set(cookie.split("; "))
    known = {"Cookie": cookie.partition(";")[0]}
    page = f"{folder}moodlog/mood_daily.json"
    assert httpx.get(page, headers=known).status_code == 200
    for where, headers in (
        (page, {}),
        (page, {"Cookie": "moodlog_browse=wrong"}),
        (page, {"Authorization": f"Bearer {token}"}),
        (page, {**known, "Host": "evil.example"}),
        (page, {**known, "Origin": "http://evil.example"}),
        (page, {**known, "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}),
        (f"{page}?token={token}", {}),
        (f"{folder}?token=wrong", {}),
        (address, {"Host": "evil.example"}),
        (root, known),
        (f"{root}moodlog/mood_daily.json", known),
        (f"{root}-/static/app.css", {}),
    ):
        answer = httpx.get(where, headers=headers)
        assert answer.status_code == 403, (where, headers)
        assert USER.display_name not in answer.text
        assert "access-control-allow-origin" not in answer.headers
    command = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    assert not command.exists() or command.read_text() == "", "no other process that could show the token"


@pytest.mark.slow
def test_nothing_goes_on_running_when_browse_is_ended(browsing: tuple[str, subprocess.Popen[str]]) -> None:
    address, process = browsing
    assert httpx.get(address, timeout=600).status_code == 200
    process.terminate()
    process.wait(timeout=600)
    with pytest.raises(httpx.ConnectError):
        httpx.get(address, timeout=600)


@pytest.mark.slow
def test_browse_says_which_port_is_taken(browsing: tuple[str, subprocess.Popen[str]]) -> None:
    port = str(httpx.URL(browsing[0]).port)
    command = [sys.executable, "-m", "flows.cli", "browse", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, port in done.stderr, "--port" in done.stderr) == (78, True, True)


@pytest.mark.slow
def test_browse_needs_sqlite_and_says_so(home: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasette", reason="the extra datasette is not installed")
    monkeypatch.setenv("MOODLOG_DATABASE_URL", postgres_url)
    done = subprocess.run([sys.executable, "-m", "flows.cli", "browse"], capture_output=True, text=True, check=False)
    assert done.returncode == 78
    assert "SQLite" in done.stderr
