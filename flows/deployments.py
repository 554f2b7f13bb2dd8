"""Reads the deployments of ``prefect.yaml``, the only place that defines schedules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from mood_core.errors import ConfigError

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment of ``prefect.yaml``.

    ``schedules`` have a cron line, a time zone and a slug; ``concurrency_limit`` has a limit and a collision strategy:
    ``ENQUEUE`` delays a run above the limit, ``CANCEL_NEW`` cancels it.
    """

    name: str
    entrypoint: str
    description: str = ""
    tags: tuple[str, ...] = ()
    parameters: dict[str, Any] = Field(default_factory=dict)
    schedules: tuple[dict[str, str], ...] = ()
    concurrency_limit: dict[str, Any] | None = None


def deployments_file() -> Path:
    """The path of ``prefect.yaml``: next to the package in a checkout, inside the package in a wheel."""
    packaged = _HERE / "_deploy" / "prefect.yaml"
    return packaged if packaged.is_file() else _HERE.parent / "prefect.yaml"


def read_deployments(path: Path | None = None) -> list[Deployment]:
    """The deployments of ``path``, by default moodlog's own file, in file order.

    Raises:
        ConfigError: The file does not have the format that Prefect expects.
    """
    import yaml

    path = path or deployments_file()
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))["deployments"]
        return TypeAdapter(list[Deployment]).validate_python(entries)
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read as deployments of Prefect: {error}") from error
