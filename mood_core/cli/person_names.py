"""Completes the names of people in a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from click import Context, Parameter

_MOST = 100


def complete_person(context: Context, parameter: Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """The first names that begin with ``incomplete``; none if the database cannot be read or does not exist.

    The database is neither created nor migrated.
    """
    from mood_core.settings import load_settings
    from mood_core.store.engine.database import open_database
    from mood_core.store.queries.accounts import Accounts

    try:
        settings = load_settings()
        if settings.database_url is None and not (settings.home / "moodlog.db").exists():
            return []
        database = open_database(settings.database)
        try:
            people = Accounts(database).page(_MOST, prefix=incomplete)
        finally:
            database.close()
    except Exception:  # noqa: BLE001 - a message would be written into the command line that is being typed
        return []
    return [CompletionItem(account.display_name, help=account.user_id) for account in people]
