"""The deployments of ``prefect.yaml``, read for ``moodlog serve``, so that there is one truth about what runs when."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mood_core.errors import ConfigError

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many runs may go at once, and what becomes of one more: ``ENQUEUE`` lets it wait, ``CANCEL_NEW`` drops it."""

    limit: int
    collision_strategy: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """One entry of ``prefect.yaml``; ``schedules`` are its cron lines with their time zones and slugs."""

    name: str
    entrypoint: str
    description: str
    tags: tuple[str, ...]
    parameters: dict[str, Any]
    schedules: tuple[dict[str, str], ...]
    concurrency: Concurrency | None


def deployments_file() -> Path:
    """``prefect.yaml``: beside the package in a checkout, inside it in an installed wheel."""
    packaged = _HERE / "_deploy" / "prefect.yaml"
    return packaged if packaged.is_file() else _HERE.parent / "prefect.yaml"


def read_deployments(path: Path | None = None) -> list[Deployment]:
    """The deployments in ``path`` (by default moodlog's own), in their order.

    Raises:
        ConfigError: The file is not what Prefect expects.
    """
    import yaml

    path = path or deployments_file()
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))["deployments"]
        return [_deployment(entry) for entry in entries]
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read as Prefect's deployments: {error}") from error


def _deployment(entry: dict[str, Any]) -> Deployment:
    limit = entry.get("concurrency_limit")
    concurrency = Concurrency(limit["limit"], limit["collision_strategy"]) if limit else None
    return Deployment(
        name=str(entry["name"]),
        entrypoint=str(entry["entrypoint"]),
        description=entry.get("description", ""),
        tags=tuple(entry.get("tags", ())),
        parameters=dict(entry.get("parameters") or {}),
        schedules=tuple(entry.get("schedules") or ()),
        concurrency=concurrency,
    )
