"""What operators watch: ``/metrics``, the Grafana dashboard and the Prometheus alerts on it, on both databases."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event, text

from mood_core.app.workspace import Workspace
from mood_core.lake.schema import LISTENS, USERS
from mood_core.store.queries.operations import record_success
from mood_core.web.metrics import MOST_PEOPLE, metrics
from tests.report_history import NOW, add_history, workspace
from tests.store_data import listens, users

_DOCS = Path(__file__).resolve().parents[2] / "docs"
_DASHBOARD = json.loads((_DOCS / "grafana" / "operation.json").read_text(encoding="utf-8"))
_RULES = [
    rule
    for group in yaml.safe_load((_DOCS / "prometheus" / "moodlog.rules.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
_EXPRESSIONS = [
    *(target["expr"] for panel in _DASHBOARD["panels"] for target in panel["targets"]),
    *(rule["expr"] for rule in _RULES),
]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def space(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    with workspace(tmp_path, url) as space:
        yield space


def _run(space: Workspace, sql: str, **values: Any) -> None:
    with space.database.write() as connection:
        connection.execute(text(sql), values)


def _families(space: Workspace) -> dict[str, Metric]:
    return {one.name: one for one in text_string_to_metric_families(metrics(space).decode())}


def _values(family: Metric) -> dict[str, float]:
    return {"/".join(sample.labels.values()): sample.value for sample in family.samples}


def _account(space: Workspace, user: str, *, due_ms: int, pulled_ms: int) -> None:
    _run(
        space,
        "INSERT INTO _accounts (user_key, due_at_ms, last_pulled_at_ms)"
        " SELECT user_key, :due, :pulled FROM users WHERE user_id = :user",
        user=user,
        due=due_ms,
        pulled=pulled_ms,
    )


def test_the_metrics_say_how_the_installation_stands(space: Workspace) -> None:
    add_history(space, 400)
    now_ms = int(NOW.timestamp() * 1000)
    _account(space, "ada", due_ms=now_ms - 90_000, pulled_ms=now_ms - 900_000)
    record_success(space.database, "run-nightly", now=NOW - timedelta(hours=3))
    space.calls.before_call("search")
    space.calls.after_call("search", 429, 7200.0)
    space.quarantine_rows("ada", [({"row": 1}, "no time")])
    found = {name: _values(family) for name, family in _families(space).items()}
    assert found["moodlog_people"] == found["moodlog_active_accounts"] == found["moodlog_due_accounts"] == {"": 1}
    assert found["moodlog_pull_lag_seconds"] == {"": 90}
    assert found["moodlog_newest_pull_seconds"] == {"": NOW.timestamp() - 900}
    assert found["moodlog_flow_last_success_seconds"] == {"run-nightly": NOW.timestamp() - 3 * 3600}
    assert (found["moodlog_calls_last_day"], found["moodlog_failed_calls_last_day"]) == ({"search": 1}, {"search": 1})
    assert found["moodlog_calls_left"]["search"] == found["moodlog_calls_budget"]["search"] - 1 == 499
    assert found["moodlog_rate_limited_until_seconds"] == {"search": NOW.timestamp() + 7200}
    queues = found["moodlog_queue_length"]
    unlabelled = 400 // 6  # one of six tracks has no features
    assert (queues.pop("tracks_without_features"), queues.pop("tracks_without_label")) == (1, 0)
    assert queues == {"waiting_listens": unlabelled, "pending_plays": 0, "pending_responses": 0, "open_gaps": 1}
    assert found["moodlog_newest_batch_seconds"][""] == pytest.approx(NOW.timestamp(), abs=1)
    assert found["moodlog_ledger_lag_seconds"][""] < 1
    assert found["moodlog_quarantined_files"] == {"": 1}
    assert found["moodlog_database_bytes"][""] > 100_000
    (schema,) = _families(space)["moodlog_schema_info"].samples
    assert re.fullmatch(r"\d{4}_\w+", schema.labels["migration"])


def test_every_listen_waits_before_there_is_a_model(space: Workspace) -> None:
    space.batches.add(LISTENS, listens([("ada", NOW - timedelta(hours=hour), "t0") for hour in range(7)]), now=NOW)
    assert _values(_families(space)["moodlog_queue_length"])["waiting_listens"] == 7


def test_many_people_are_counted_and_not_listed(space: Workspace) -> None:
    space.batches.add(USERS, users(*((f"person{index:03d}", "UTC") for index in range(MOST_PEOPLE + 1))), now=NOW)
    families = _families(space)
    assert _values(families["moodlog_people"]) == {"": MOST_PEOPLE + 1}
    assert "person0" not in metrics(space).decode()
    assert "moodlog_account_state" not in families


def test_the_queues_of_accounts_are_read_from_indexes(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        assert space.database.dialect == "sqlite"
        seen: list[tuple[str, Any]] = []
        event.listen(space.database.engine, "before_cursor_execute", lambda *args: seen.append((args[2], args[3])))
        space.batches.add(USERS, users(*((f"person{index:03d}", "UTC") for index in range(MOST_PEOPLE + 1))), now=NOW)
        seen.clear()
        metrics(space)
        with space.database.read() as connection:
            of_accounts = [one for one in seen if "FROM _accounts" in one[0]]
            plans = [
                row[3]
                for sql, values in of_accounts
                for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)
            ]
        reads = [step for step in plans if re.search(r"\b(SCAN|SEARCH) _accounts", step)]
        assert len(reads) == len(of_accounts) == 4
        assert [step for step in reads if "INDEX" not in step] == []


def test_dashboard_and_alerts_use_metrics_that_exist(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 10)
        _account(space, "ada", due_ms=0, pulled_ms=1)
        known = set(_families(space)) | {"up"}
    used = {name for one in _EXPRESSIONS for name in re.findall(r"\bmoodlog_\w+|\bup\b", one)}
    assert used <= known
    page = (_DOCS / "web.md").read_text(encoding="utf-8")
    assert [name for name in sorted(known - {"up"}) if f"`{name}`" not in page] == [], "docs/web.md lists every metric"


def test_every_expression_is_promql() -> None:
    parser = pytest.importorskip("promql_parser", reason="promql-parser is not installed")
    for expression in _EXPRESSIONS:
        parser.parse(expression)  # raises, with the place


def test_the_rules_have_what_prometheus_asks_for() -> None:
    assert len({rule["alert"] for rule in _RULES}) == len(_RULES)
    for rule in _RULES:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule
        assert re.fullmatch(r"\d+[smhd]", rule.get("for", "0s"))
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}
        assert {"summary", "description"} == set(rule["annotations"])
        for template in re.findall(r"\{\{(.*?)\}\}", " ".join(rule["annotations"].values())):
            assert re.fullmatch(r" \$(value|labels\.(endpoint))( \| humanizeDuration)? ", template), rule["alert"]


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    panels = _DASHBOARD["panels"]
    source = {"type": "prometheus", "uid": "${source}"}
    assert {panel["type"] for panel in panels} == {"stat", "timeseries"}
    assert [one["name"] for one in _DASHBOARD["templating"]["list"]] == ["source"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(each["datasource"] == source for panel in panels for each in (panel, *panel["targets"]))
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
