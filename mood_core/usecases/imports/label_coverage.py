"""What an import achieved for its person: tracks with features and labels, and why others have none."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from mood_core.store.queries.import_rows import ImportRows


@dataclass(frozen=True, slots=True)
class LabelCoverage:
    """All stored listens of a person, from any source.

    A person's own answer labels a track without features. ``missing`` counts the tracks without a label by the reason;
    ``pending_plays`` wait until their track is known.
    """

    listens: int
    tracks: int
    tracks_with_features: int
    tracks_labelled: int
    missing: dict[str, int]
    pending_plays: int

    def as_dict(self) -> dict[str, Any]:
        """The counts as JSON values."""
        return asdict(self)


NOT_LABELLED, NOT_REQUESTED = "not labelled yet", "features not asked for yet"
"""Reasons of the view ``_track_moods`` that the next run removes."""

NO_FEATURES, LOCAL_FILE = "no features known", "local file"
"""Reasons of the view that files of the person can remove."""


def label_coverage(user_id: str, rows: ImportRows) -> LabelCoverage:
    """Count what is stored of a person."""
    by_reason = rows.tracks_by_reason(user_id)
    missing = {reason: tracks for reason, tracks, _, _ in by_reason if reason is not None}
    labelled = sum(tracks for reason, tracks, _, _ in by_reason if reason is None)
    return LabelCoverage(
        listens=sum(listens for *_, listens in by_reason),
        tracks=labelled + sum(missing.values()),
        tracks_with_features=sum(featured for _, _, featured, _ in by_reason),
        tracks_labelled=labelled,
        missing=missing,
        pending_plays=len(rows.pending_plays(user_id)),
    )
