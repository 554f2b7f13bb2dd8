"""Removes people who are forgotten during a run from what the run has logged since."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mood_core.app.workspace import Workspace
from mood_core.errors import StoreError


@contextmanager
def without_names_of_forgotten() -> Iterator[None]:
    """At the end of the block, remove people who were forgotten during it from the history of moodlog's own server.

    `moodlog forget` itself cannot remove what an active run logs more than 8 s later. The run goes on if the database
    does not answer.
    """
    names: dict[str, str] = {}
    with suppress(StoreError), Workspace() as workspace:
        names |= {account.user_id: account.display_name for account in workspace.accounts.all()}
    try:
        yield
    finally:
        with suppress(StoreError), Workspace() as workspace:
            for user_id in sorted(workspace.batches.gone_among(names)):
                workspace.elsewhere.remove(user_id, [names[user_id]])
