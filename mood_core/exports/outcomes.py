"""What can become of a row of an export: every row read has exactly one fate."""

from __future__ import annotations

from enum import StrEnum


class Fate(StrEnum):
    """The fates, in the order in which they are shown."""

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
    Fate.IMPORTED: "new listens",
    Fate.DUPLICATE: "the same play again in these files",
    Fate.ALREADY_IMPORTED: "stored by an earlier import",
    Fate.KNOWN_FROM_POLLING: "already seen among the recent listens",
    Fate.SAME_LISTEN: "the same play in another form of the export",
    Fate.UNMATCHED: "kept until a track of that artist and title is known",
    Fate.PODCAST: "podcast episodes",
    Fate.AUDIOBOOK: "audiobooks",
    Fate.VIDEO: "rows of the video history, left out unless --videos keep",
    Fate.NO_URI: "rows that give no track's address",
    Fate.LOCAL_TRACK: "files of your own, unknown to Spotify",
    Fate.TOO_SHORT: "shorter than --min-ms",
    Fate.PRIVATE_SESSION: "private sessions, left out by --private drop",
    Fate.MALFORMED: "damaged rows, kept in quarantine",
}
"""A sentence for each fate."""
