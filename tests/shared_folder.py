"""Where labelled tracks and API descriptions lie, which are not part of the project. Tests skip without them."""

from pathlib import Path

_CANDIDATE = Path(__file__).resolve().parents[2] / "shared"

SHARED: Path | None = _CANDIDATE if _CANDIDATE.is_dir() else None
