"""``/metrics``: numbers for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from mood_core.app.workspace import Workspace
from mood_core.store.engine.named_queries import query
from mood_core.store.queries.operations import Operations, operations

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

MOST_PEOPLE = 200
"""With more people there are no numbers by person: they would read everybody, and Prometheus would keep them all."""

_STATES = ("active", "paused", "needs_reauthorisation", "unconnected")
_BY_PERSON = {
    "listens": ("moodlog_listens", "Stored listens."),
    "covered_listens": ("moodlog_covered_listens", "Stored listens of tracks with audio features."),
    "open_gaps": ("moodlog_open_gaps", "Gaps in which listens may be missing."),
}
_QUEUES = "Waiting listens, pending plays, tracks, pending responses and open gaps; a count stops at 100,000."


def metrics(workspace: Workspace) -> bytes:
    """The metrics as text.

    Raises:
        StoreError: The database cannot be read.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(workspace))
    return generate_latest(registry)


class _Collector:
    """Reads the numbers when they are requested."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The metrics. People are named by their id."""
        now = operations(self._workspace.database, now=self._workspace.now())
        yield from _of_operations(now)
        yield from self._of_services()
        yield from _of_quarantine(self._workspace.settings.quarantine)
        if now.people <= MOST_PEOPLE:
            yield from self._of_people()

    def _of_services(self) -> Iterator[GaugeMetricFamily]:
        calls = self._workspace.calls
        used = calls.last_day_with_failures()
        made = {endpoint: both[0] for endpoint, both in used.items()}
        failed = {endpoint: both[1] for endpoint, both in used.items()}
        budgets = calls.budgets
        left = {endpoint: max(budget - made.get(endpoint, 0), 0) for endpoint, budget in budgets.items()}
        yield _by("endpoint", "moodlog_calls_last_day", "Calls of the last 24 hours.", made)
        yield _by("endpoint", "moodlog_failed_calls_last_day", "Failed calls of the last 24 hours.", failed)
        yield _by("endpoint", "moodlog_calls_budget", "Calls allowed in 24 hours.", budgets)
        yield _by("endpoint", "moodlog_calls_left", "Calls of the budget that are left.", left)
        limits = {endpoint: at.timestamp() for endpoint, at in calls.not_before().items()}
        yield _by("endpoint", "moodlog_rate_limited_until_seconds", "Unix time at which a Retry-After expires.", limits)

    def _of_people(self) -> Iterator[GaugeMetricFamily]:
        accounts = self._workspace.accounts.all()
        state = GaugeMetricFamily("moodlog_account_state", "1 for the state of an account.", labels=["user", "state"])
        newest = GaugeMetricFamily("moodlog_newest_listen_seconds", "Unix time of the newest listen.", labels=["user"])
        pulled = GaugeMetricFamily("moodlog_last_pull_seconds", "Unix time of the last good pull.", labels=["user"])
        for one in accounts:
            for name in _STATES:
                state.add_metric([one.user_id, name], float(one.state == name))
            for family, moment in ((newest, one.newest_listen_at), (pulled, one.last_pulled_at)):
                if moment is not None:
                    family.add_metric([one.user_id], moment.timestamp())
        yield from (state, newest, pulled)
        rows = self._workspace.database.rows(query("web_account_numbers"))
        for column, (metric, meaning) in _BY_PERSON.items():
            yield _by("user", metric, meaning, {row.user_id: getattr(row, column) for row in rows})


def _of_operations(now: Operations) -> Iterator[GaugeMetricFamily]:
    yield _one("moodlog_people", "People with a history.", now.people)
    yield _one("moodlog_active_accounts", "Accounts that are pulled.", now.active_accounts)
    yield _one("moodlog_due_accounts", "Due accounts; the count stops at 100,000.", now.due_accounts)
    yield _one("moodlog_pull_lag_seconds", "How long the longest waiting account is due.", now.pull_lag.total_seconds())
    yield from _moment("moodlog_newest_pull_seconds", "Unix time of the newest good pull.", now.newest_pull)
    yield _by("queue", "moodlog_queue_length", _QUEUES, now.queues)
    yield from _moment("moodlog_newest_batch_seconds", "Unix time of the newest batch of the ledger.", now.newest_batch)
    lag = "Longest time from a file of the lake to its rows in SQL, of the newest 100 batches."
    yield _one("moodlog_ledger_lag_seconds", lag, now.ledger_lag.total_seconds())
    succeeded = {flow: at.timestamp() for flow, at in now.successes.items()}
    yield _by("flow", "moodlog_flow_last_success_seconds", "Unix time of the last success of a flow.", succeeded)
    yield _one("moodlog_database_bytes", "Size of the database.", now.bytes)
    info = GaugeMetricFamily(
        "moodlog_schema_info", "1, with the schema and the version.", labels=["migration", "version"]
    )
    info.add_metric([now.migration, version("moodlog")], 1)
    yield info


def _of_quarantine(folder: Path) -> Iterator[GaugeMetricFamily]:
    sizes = [one.stat().st_size for one in folder.iterdir()] if folder.is_dir() else []
    yield _one("moodlog_quarantined_files", "Files with quarantined rows and responses.", len(sizes))
    yield _one("moodlog_quarantined_bytes", "Bytes of quarantined rows and responses.", sum(sizes))


def _one(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, value=value)


def _moment(name: str, meaning: str, moment: datetime | None) -> Iterable[GaugeMetricFamily]:
    return [] if moment is None else [_one(name, meaning, moment.timestamp())]


def _by(label: str, name: str, meaning: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
