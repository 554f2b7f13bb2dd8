"""``/metrics``: numbers for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from mood_core.app.workspace import Workspace
from mood_core.store.engine.named_queries import query

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_STATES = ("active", "paused", "needs_reauthorisation", "unconnected")
_BY_PERSON = {
    "listens": ("moodlog_listens", "Stored listens."),
    "covered_listens": ("moodlog_covered_listens", "Stored listens of tracks with audio features."),
    "open_gaps": ("moodlog_open_gaps", "Gaps in which listens may be missing."),
}


def metrics(workspace: Workspace) -> bytes:
    """The metrics as text.

    Raises:
        StoreError: The database cannot be read.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(workspace))
    return generate_latest(registry)


class _Collector:
    """Reads the numbers when they are asked for."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The metrics. People are named by their id."""
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
            numbers = GaugeMetricFamily(metric, meaning, labels=["user"])
            for row in rows:
                numbers.add_metric([row.user_id], getattr(row, column))
            yield numbers
