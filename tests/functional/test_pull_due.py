"""Who is pulled by the half-hourly run."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from flows.sync_listens import due_accounts
from mood_core.pipeline.pull_listens import PullListens
from mood_core.standin import StandIn
from tests.nights import connect_listeners, settings_for, workspace_of


def test_who_was_just_pulled_is_due_after_at_most_12_hours(
    home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings_for(standin).items():
        monkeypatch.setenv(name, value)
    with workspace_of(standin) as workspace:
        ids = connect_listeners(workspace, standin)
        assert due_accounts(workspace, ids) == ids
        pull = PullListens(workspace.spotify.for_user, workspace.listens, workspace.accounts, workspace.batches)
        now = workspace.now()
        pull(ids, now=now)
        assert due_accounts(workspace, ids) == []
        workspace.now = lambda: now + timedelta(hours=12)
        assert due_accounts(workspace, ids) == ids
