"""Where material that is not part of the project lies: labelled tracks and API descriptions. Tests that need it skip without it."""

from pathlib import Path

_CANDIDATE = Path(__file__).resolve().parents[2] / "shared"

SHARED: Path | None = _CANDIDATE if _CANDIDATE.is_dir() else None
