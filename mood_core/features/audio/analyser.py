"""The protocol of an analyser of audio files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

SOURCE_PREFIX = "estimated:"
"""Sources of estimated features start with it, followed by the name of the analyser."""

_NOT_IN_NAMES = re.compile(r"[^a-z0-9._-]+")
_LONGEST_NAME = 40


class AnalysisFailed(Exception):
    """An analyser cannot analyse one file; the message is the reason. Other files are not concerned."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """The ``values`` of one file by feature name, not checked yet, and the name of the ``analyser``."""

    analyser: str
    values: Mapping[str, object]


class AudioAnalyser(Protocol):
    """Estimates the nine audio features of a file."""

    def analyse(self, path: Path) -> Analysis:
        """Analyse the audio file at ``path``.

        Raises:
            AnalysisFailed: this file cannot be analysed.
            SourceError: the analyser does not work for any file now.
            ConfigError: the analyser cannot be started.
        """
        ...


def source_name(analyser: str) -> str:
    """The feature source of an analyser's estimates: ``estimated:`` and its name in lower case, without other signs."""
    name = _NOT_IN_NAMES.sub("-", analyser.lower()).strip("-.")[:_LONGEST_NAME]
    return SOURCE_PREFIX + (name or "program")
