"""Every error moodlog raises on purpose, in one tree.

    MoodlogError                    retryable  exit code
    ├── ConfigError                 no         78   a setting is missing or wrong
    ├── InputError                  no         2    a file or an argument is not what it should be
    ├── SourceError                 no         1    an outside service failed us
    │   ├── RateLimited             yes        75   asked to wait ``retry_after_s``
    │   ├── QuotaExceeded           no         75   the day's calls are used up; come back after ``retry_after_s``
    │   ├── Unavailable             yes        75   5xx, a timeout, a cut connection
    │   ├── AccessDenied            no         78   403: the app may not use this endpoint
    │   ├── NotFound                no         1    404: there is nothing under this id
    │   ├── ReauthorisationNeeded   no         77   the person must connect again
    │   └── UnexpectedPayload       no         1    an answer that does not fit its contract
    │       └── GarbledPayload      yes        75   an answer that was cut or replaced on its way
    ├── ModelError                  no         78
    │   ├── ModelNotFound           no         78   no such model folder or file
    │   └── ModelCardMismatch       no         78   card, file and code do not belong together
    └── StoreError                  no         1
        ├── StoreBusy               yes        75   another writer holds the database
        │   └── LockLost            yes        75   another process has acquired our lock or lease since
        ├── StoreUnreachable        yes        75   the database server does not answer, or stopped in the middle
        ├── DatabaseDamaged         no         1    the database file cannot be read
        ├── SchemaOutOfDate         no         78   the database is newer than this moodlog, or was changed by hand
        ├── LakeIncomplete          no         1    lake and ledger do not hold the same files
        └── BatchCorrupt            no         1    a batch file is not what the ledger says

Retrying is decided by ``retryable`` alone, in one place for each failure. A message is one sentence that says what
happened and what to do next, and never holds a token, nor what an address has before its @. Whatever a file or a server
put into it, it is one plain line of at most 600 characters, so that nothing in it commands a terminal or forges a line
of a log. One bad record among many is a value with a reason, not an exception.

Errors cross process borders, so each pickles with its attributes.
"""

from __future__ import annotations

from typing import Any, ClassVar

from mood_core.text.sanitise import plain, without_credentials

_LONGEST = 600
_END = 200  # what to do stands there


class MoodlogError(Exception):
    """The root: something a person can act upon."""

    retryable: ClassVar[bool] = False
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str) -> None:
        self.message = _one_line(message)
        super().__init__(self.message)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.__dict__.copy()))


def _one_line(message: str) -> str:
    message = without_credentials(message)
    if not message.isprintable():
        message = " ".join(plain(message).split())
    if len(message) > _LONGEST:
        message = f"{message[: _LONGEST - _END - 1]}…{message[-_END:]}"
    return message


def _rebuild(kind: type[MoodlogError], state: dict[str, Any]) -> MoodlogError:
    error = kind.__new__(kind, state["message"])
    error.__dict__.update(state)
    return error


class ConfigError(MoodlogError):
    """A setting is missing or wrong."""

    exit_code = 78


class InputError(MoodlogError):
    """A file or an argument that a person gave is not what it should be."""

    exit_code = 2


class SourceError(MoodlogError):
    """An outside service failed us. ``source`` names it."""

    def __init__(self, message: str, *, source: str) -> None:
        super().__init__(message)
        self.source = source


class _RetryAfter(SourceError):
    """A source error with a time to wait, in seconds."""

    exit_code = 75

    def __init__(self, message: str, *, source: str, retry_after_s: float) -> None:
        super().__init__(message, source=source)
        self.retry_after_s = retry_after_s


class RateLimited(_RetryAfter):
    """The service asked us to wait ``retry_after_s`` seconds (429)."""

    retryable = True


class QuotaExceeded(_RetryAfter):
    """The day's calls are used up; nothing more is to be asked for ``retry_after_s`` seconds."""


class Unavailable(SourceError):
    """The service did not answer as a working service does: 5xx, a timeout, a cut connection."""

    retryable = True
    exit_code = 75


class AccessDenied(SourceError):
    """The app may not use this endpoint (403)."""

    exit_code = 78


class NotFound(SourceError):
    """The service knows nothing under this id (404)."""


class ReauthorisationNeeded(SourceError):
    """The person's permission has ended; only they can renew it."""

    exit_code = 77


class UnexpectedPayload(SourceError):
    """An answer that does not fit the service's contract. ``excerpt`` holds its first characters."""

    def __init__(self, message: str, *, source: str, excerpt: str = "") -> None:
        super().__init__(message, source=source)
        self.excerpt = excerpt


class GarbledPayload(UnexpectedPayload):
    """An answer that is not even in the service's format: it was cut, or comes from a proxy on the way."""

    retryable = True
    exit_code = 75


class ModelError(MoodlogError):
    """The mood model cannot be used."""

    exit_code = 78


class ModelNotFound(ModelError):
    """There is no model where one was named."""


class ModelCardMismatch(ModelError):
    """The model card, the model file and this code do not belong together."""


class StoreError(MoodlogError):
    """The database or the lake cannot do what was asked."""


class StoreBusy(StoreError):
    """Another writer holds the database for longer than we wait."""

    retryable = True
    exit_code = 75


class LockLost(StoreBusy):
    """An exclusive lock or a lease was lost while it was held, and another process has acquired it since."""


class StoreUnreachable(StoreError):
    """The database server does not answer, or stopped in the middle of it."""

    retryable = True
    exit_code = 75


class DatabaseDamaged(StoreError):
    """The database file is no database any more, or pages of it are damaged."""


class SchemaOutOfDate(StoreError):
    """The database was made by a newer moodlog, or its migrations were changed afterwards."""

    exit_code = 78


class LakeIncomplete(StoreError):
    """A file of the ledger is absent from the lake, or the lake has one that the ledger does not know."""


class BatchCorrupt(StoreError):
    """A batch file is missing or not what the ledger says."""
