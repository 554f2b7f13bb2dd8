"""All errors that moodlog raises, in one tree.

    MoodlogError                    retryable  exit code
    ├── ConfigError                 no         78   a setting is missing or wrong
    ├── InputError                  no         2    a file or an argument is invalid
    ├── SourceError                 no         1    an outside service failed
    │   ├── RateLimited             yes        75   429 with a ``retry_after_s``
    │   ├── QuotaExceeded           no         75   the daily quota is used up for ``retry_after_s``
    │   ├── Unavailable             yes        75   5xx, a timeout, a closed connection
    │   ├── AccessDenied            no         78   403: the app may not use this endpoint
    │   │   └── PremiumEnded        no         78   403: the app's owner has no Premium, so the app has no access at all
    │   ├── NotFound                no         1    404: there is nothing with this id
    │   ├── ReauthorisationNeeded   no         77   the person must connect again
    │   └── UnexpectedPayload       no         1    a response violates its contract
    │       └── GarbledPayload      yes        75   a response was truncated or replaced on its way
    ├── ModelError                  no         78
    │   ├── ModelNotFound           no         78   no such model folder or file
    │   └── ModelCardMismatch       no         78   card, file and code do not match
    └── StoreError                  no         1
        ├── StoreBusy               yes        75   another writer locks the database
        │   └── LockLost            yes        75   another process has acquired our lock or lease since
        ├── StoreUnreachable        yes        75   the database server does not respond, or stopped
        ├── DatabaseDamaged         no         1    the database file cannot be read
        ├── SchemaOutOfDate         no         78   the database is older than this moodlog, or was changed by hand
        │   └── SchemaNewer         yes        75   the database is newer: an upgrade has begun elsewhere
        ├── LakeIncomplete          no         1    lake and ledger have different files
        └── BatchCorrupt            no         1    a batch file differs from the ledger

``retryable`` alone decides whether to retry. A message says what happened and what to do next; it contains no token and
no credentials of a URL. It is sanitised to one line of at most 600 characters, so that text from a file or a server
cannot control a terminal or forge log lines. One invalid record among many is a value with a reason, not an exception.

Errors are passed between processes, so each pickles with its attributes.
"""

from __future__ import annotations

from typing import Any, ClassVar

from mood_core.text.sanitise import plain, without_credentials

_LONGEST = 600
_END = 200  # the remedy is at the end


class MoodlogError(Exception):
    """Root of all errors; a person can act on them."""

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
    """A file or an argument from a person is invalid."""

    exit_code = 2


class SourceError(MoodlogError):
    """An outside service failed. ``source`` is its name."""

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
    """The service's rate limit is reached (429); retry after ``retry_after_s`` seconds."""

    retryable = True


class QuotaExceeded(_RetryAfter):
    """The daily quota is used up; do not call the service for ``retry_after_s`` seconds."""


class Unavailable(SourceError):
    """The service is unavailable: 5xx, a timeout, a closed connection."""

    retryable = True
    exit_code = 75


class AccessDenied(SourceError):
    """The app may not use this endpoint (403)."""

    exit_code = 78


class PremiumEnded(AccessDenied):
    """The app's owner has no active Premium: Spotify refuses the app for all accounts (403)."""


class NotFound(SourceError):
    """The service has nothing with this id (404)."""


class ReauthorisationNeeded(SourceError):
    """The person's permission has expired or was revoked; only they can renew it."""

    exit_code = 77


class UnexpectedPayload(SourceError):
    """A response violates the service's contract. ``excerpt`` has its first characters."""

    def __init__(self, message: str, *, source: str, excerpt: str = "") -> None:
        super().__init__(message, source=source)
        self.excerpt = excerpt


class GarbledPayload(UnexpectedPayload):
    """A response is not in the service's format: it was truncated, or comes from a proxy."""

    retryable = True
    exit_code = 75


class ModelError(MoodlogError):
    """The mood model cannot be used."""

    exit_code = 78


class ModelNotFound(ModelError):
    """The named model does not exist."""


class ModelCardMismatch(ModelError):
    """The model card, the model file and this code do not match."""


class StoreError(MoodlogError):
    """The database or the lake failed."""


class StoreBusy(StoreError):
    """Another writer locks the database for longer than the timeout."""

    retryable = True
    exit_code = 75


class LockLost(StoreBusy):
    """An exclusive lock or a lease expired, and another process has acquired it since."""


class StoreUnreachable(StoreError):
    """The database server does not respond, or stopped during a statement."""

    retryable = True
    exit_code = 75


class DatabaseDamaged(StoreError):
    """The database file is not a database, or has damaged pages."""


class SchemaOutOfDate(StoreError):
    """The database is older than this moodlog, or its migrations were changed after they were applied."""

    exit_code = 78


class SchemaNewer(SchemaOutOfDate):
    """The database has the schema of a newer moodlog. A process of that version can repeat the work."""

    retryable = True
    exit_code = 75


class LakeIncomplete(StoreError):
    """A file in the ledger is missing in the lake, or the lake has a file that is not in the ledger."""


class BatchCorrupt(StoreError):
    """A batch file is missing or differs from the ledger."""
