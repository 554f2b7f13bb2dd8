"""Removes people who are forgotten during a run from what the run has logged since."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

from mood_core.app.workspace import Workspace
from mood_core.errors import StoreError
from mood_core.store.queries.people_read import note_people, people_read


@contextmanager
def without_names_of_forgotten(user_ids: Collection[str] = ()) -> Iterator[None]:
    """At the end of the block, remove people who were forgotten during it from the history of moodlog's own server.

    `moodlog forget` itself cannot remove what an active run logs more than 8 s later. Only the people whom the run has
    read can be in its logs: these, and those of ``user_ids``, are compared with the tombstones. The run goes on if the
    database does not answer.
    """
    with people_read() as read:
        note_people((user_id, "") for user_id in user_ids)
        try:
            yield
        finally:
            with suppress(StoreError), Workspace() as workspace:
                for user_id in sorted(workspace.batches.gone_among(list(read))):
                    workspace.personal_files.remove(user_id, sorted(read[user_id]))
