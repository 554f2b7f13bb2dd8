"""An analyser that is a program on this machine: MOODLOG_AUDIO_ANALYSER."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mood_core.errors import ConfigError
from mood_core.features.audio.analyser import Analysis, AnalysisFailed
from mood_core.features.audio.limited_program import Limits, run_limited

_SETTING = "MOODLOG_AUDIO_ANALYSER"


@dataclass(frozen=True, slots=True)
class ProgramAnalyser:
    """Calls ``arguments`` and the path of a file; the program writes a JSON object with the nine features.

    The object may have the name of the ``analyser``; by default it is the name of
    the program's file.
    """

    arguments: tuple[str, ...]
    limits: Limits

    def analyse(self, path: Path) -> Analysis:
        """See :class:`~mood_core.features.audio.analyser.AudioAnalyser`."""
        output = run_limited([*self.arguments, str(path.absolute())], self.limits)
        try:
            values = json.loads(output)
        except (ValueError, RecursionError):
            raise AnalysisFailed("the program's output is not JSON") from None
        if isinstance(values, list) and len(values) == 1:
            values = values[0]
        if not isinstance(values, dict):
            raise AnalysisFailed("the program's output is not one JSON object")
        named = values.get("analyser")
        return Analysis(named if isinstance(named, str) else Path(self.arguments[-1]).stem, values)


def program_analyser(command: str, limits: Limits) -> ProgramAnalyser:
    """The analyser of the setting ``command``: a program with its arguments, in the quoting of a shell.

    Raises:
        ConfigError: there is no such program.
    """
    arguments = shlex.split(command)
    found = shutil.which(arguments[0]) if arguments else None
    if found is None:
        raise ConfigError(f"{_SETTING}: there is no program {arguments[0] if arguments else ''!r}; give its path")
    return ProgramAnalyser((str(Path(found).absolute()), *_absolute(arguments[1:])), limits)


def _absolute(arguments: Sequence[str]) -> list[str]:
    """``arguments``, with an absolute path for each that is a file."""
    return [str(Path(each).absolute()) if Path(each).is_file() else each for each in arguments]
