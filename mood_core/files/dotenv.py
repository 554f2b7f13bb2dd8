"""Reads trusted ``.env`` files and passes them to pydantic as a source of settings."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from pydantic_settings import BaseSettings, EnvSettingsSource

from mood_core.errors import ConfigError
from mood_core.files.trusted import read_trusted

Names = dict[str, str]
"""Values by names in lower case, without empty values."""


def parsed(values: Mapping[str, str | None]) -> Names:
    """``values`` by names in lower case, without empty values."""
    return {name.lower(): value for name, value in values.items() if value}


def read_env_file(path: Path) -> Names | None:
    """The settings in the ``.env`` file ``path``; None if it does not exist.

    Raises:
        ConfigError: Others can change it, or it cannot be read.
    """
    text = read_trusted(path)
    if text is None:
        return None
    if "\0" in text:
        raise ConfigError(f"{path} cannot be read: it contains a null character. Write one NAME=value per line.")
    return parsed(dotenv_values(stream=StringIO(text)))


class EnvFileSource(EnvSettingsSource):
    """Settings from a ``.env`` file."""

    def __init__(self, settings_cls: type[BaseSettings], names: Names) -> None:
        self._names = names
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self._names
