"""Outcomes of the rows of an export: every row has exactly one."""

from __future__ import annotations

from enum import StrEnum


class RowOutcome(StrEnum):
    """Outcomes in display order."""

    IMPORTED = "imported"
    DUPLICATE = "duplicate"
    ALREADY_IMPORTED = "already_imported"
    KNOWN_FROM_POLLING = "known_from_polling"
    SAME_LISTEN = "same_listen"
    UNMATCHED = "unmatched"
    PODCAST = "podcast"
    AUDIOBOOK = "audiobook"
    NO_URI = "no_uri"
    NOT_A_LISTEN = "not_a_listen"
    SKIPPED = "skipped"
    PRIVATE_SESSION = "private_session"
    MALFORMED = "malformed"


MEANING = {
    RowOutcome.IMPORTED: "new listens",
    RowOutcome.DUPLICATE: "duplicates of a play in these files",
    RowOutcome.ALREADY_IMPORTED: "stored by an earlier import",
    RowOutcome.KNOWN_FROM_POLLING: "already stored by a pull",
    RowOutcome.SAME_LISTEN: "already stored from another export, account or device",
    RowOutcome.UNMATCHED: "stored until a track of that artist and title is known",
    RowOutcome.PODCAST: "podcast episodes",
    RowOutcome.AUDIOBOOK: "audiobooks",
    RowOutcome.NO_URI: "rows without a track URI",
    RowOutcome.NOT_A_LISTEN: "a track that was still playing",
    RowOutcome.SKIPPED: "skipped: shorter than --min-ms",
    RowOutcome.PRIVATE_SESSION: "private sessions, dropped by --private drop",
    RowOutcome.MALFORMED: "malformed rows, quarantined",
}
"""Descriptions of the outcomes."""
