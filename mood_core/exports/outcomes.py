"""What can become of a row of an export: every row read has exactly one outcome."""

from __future__ import annotations

from enum import StrEnum


class RowOutcome(StrEnum):
    """The outcomes, in the order in which they are shown."""

    IMPORTED = "imported"
    DUPLICATE = "duplicate"
    ALREADY_IMPORTED = "already_imported"
    KNOWN_FROM_POLLING = "known_from_polling"
    SAME_LISTEN = "same_listen"
    UNMATCHED = "unmatched"
    PODCAST = "podcast"
    AUDIOBOOK = "audiobook"
    VIDEO = "video"
    NO_URI = "no_uri"
    LOCAL_TRACK = "local_track"
    TOO_SHORT = "too_short"
    PRIVATE_SESSION = "private_session"
    MALFORMED = "malformed"


MEANING = {
    RowOutcome.IMPORTED: "new listens",
    RowOutcome.DUPLICATE: "the same play again in these files",
    RowOutcome.ALREADY_IMPORTED: "stored by an earlier import",
    RowOutcome.KNOWN_FROM_POLLING: "already seen among the recent listens",
    RowOutcome.SAME_LISTEN: "the same play in another form of the export",
    RowOutcome.UNMATCHED: "kept until a track of that artist and title is known",
    RowOutcome.PODCAST: "podcast episodes",
    RowOutcome.AUDIOBOOK: "audiobooks",
    RowOutcome.VIDEO: "rows of the video history, left out unless --videos keep",
    RowOutcome.NO_URI: "rows that give no track's address",
    RowOutcome.LOCAL_TRACK: "files of your own, unknown to Spotify",
    RowOutcome.TOO_SHORT: "shorter than --min-ms",
    RowOutcome.PRIVATE_SESSION: "private sessions, left out by --private drop",
    RowOutcome.MALFORMED: "damaged rows, kept in quarantine",
}
"""A sentence for each outcome."""
