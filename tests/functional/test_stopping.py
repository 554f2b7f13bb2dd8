"""A run that is asked to stop finishes the account it is at, keeps what it has, and leaves the rest to the next run."""

from __future__ import annotations

from pathlib import Path

import pytest

from mood_core.store.locks.leases import new_owner
from mood_core.usecases.nightly.pull_account import pull_leased
from mood_core.usecases.nightly.pull_listens import PullListens
from standin import StandIn
from tests.nights import connect_listeners, point_at, truth, workspace_of


def test_a_pull_that_is_asked_to_stop_finishes_its_account_and_releases_the_others(
    home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(standin, monkeypatch)
    with workspace_of(standin) as workspace:
        ids, asked = connect_listeners(workspace, standin), []

        def stop() -> bool:
            asked.append(1)
            return len(asked) > 1

        pull = PullListens(
            workspace.spotify.for_user, workspace.listens, workspace.accounts, workspace.batches, stop=stop
        )
        outcomes = pull_leased(ids, pull, workspace.accounts, workspace.now)
        assert [outcome.user_id for outcome in outcomes] == ids[:1]
        assert outcomes[0].new == len(truth(standin)[ids[0]]) > 0
        pulled = {account.user_id for account in workspace.accounts.all() if account.last_pulled_at}
        assert pulled == set(ids[:1])
        assert workspace.accounts.leases.acquire(ids, new_owner(), now=workspace.now(), for_s=60) == ids
