"""Forgetting a person wherever a workspace keeps them: for the command and the flow alike."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from mood_core.app.workspace import Workspace
from mood_core.report.recap_picture import forget_pictures
from mood_core.store.engine.corruption import moved_away
from mood_core.store.locks.leases import new_owner
from mood_core.usecases.people.forget_person import ForgetReport, forget_person


def forget_everywhere(workspace: Workspace, user_id: str, *, without: Collection[str] = ()) -> ForgetReport:
    """Forget ``user_id`` in SQL, in the lake, in the quarantine, and their recaps' pictures.

    Databases that were moved away when they were damaged are named in the report: nobody can take rows out of them.
    ``without`` names files of the ledger that are lost for good.

    Raises:
        StoreBusy: A living run is pulling the account, or another process is rewriting the lake.
        LakeIncomplete: Lake and ledger do not hold the same files; nothing is changed.
        BatchCorrupt: A file cannot be read, so nobody can tell whether the person is in it.
        StoreError: The lake or the database fails, or the person is still in a file afterwards.
    """
    report = forget_person(
        user_id,
        workspace.lake,
        workspace.database,
        owner=new_owner(),
        now=workspace.now(),
        quarantine=workspace.settings.quarantine,
        without=without,
        last=lambda: forget_pictures(workspace.settings.home, user_id),
    )
    return replace(report, left=(*report.left, *(str(file) for file in moved_away(workspace.database))))
