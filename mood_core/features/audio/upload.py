"""An analyser that sends audio to ReccoBeats: the first 30 s of a file, without tags."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from mood_core.features.audio.analyser import Analysis, AnalysisFailed
from mood_core.features.audio.limited_program import Limits, run_limited
from mood_core.http.json_service import JsonService

NAME = "reccobeats"
ENDPOINT = "reccobeats/analysis"
"""The endpoint's name in the call ledger."""

MOST_BYTES = 5_000_000
_SUFFIXES = (".mp3", ".ogg", ".wav", ".aif", ".aiff", ".aifc")
_REFUSED = (400, 413, 415, 422)
_CUT = Limits(time_s=120.0, output_bytes=MOST_BYTES)
_CUT_ARGUMENTS = (
    *("-v", "error", "-nostdin", "-t", "30", "-i"),
    "",
    *("-map", "0:a:0", "-map_metadata", "-1", "-ac", "2", "-ar", "44100"),
    *("-c:a", "libvorbis", "-q:a", "6", "-f", "ogg", "-"),
)


@dataclass(frozen=True, slots=True)
class UploadAnalyser:
    """Sends a file to ReccoBeats' ``service``, cut and encoded by ``ffmpeg`` where it is installed."""

    service: JsonService
    ffmpeg: str | None = field(default_factory=lambda: shutil.which("ffmpeg"))

    def analyse(self, path: Path) -> Analysis:
        """See :class:`~mood_core.features.audio.analyser.AudioAnalyser`."""
        name, audio = self._cut(path) if self.ffmpeg else _whole(path)
        file = name, audio
        response = self.service.upload("analysis/audio-features", ENDPOINT, "audioFile", file, accepted=_REFUSED)
        if response.status_code != 200:
            raise AnalysisFailed(f"ReccoBeats does not accept this file ({response.status_code})")
        values = self.service.decoded(response)
        if not isinstance(values, dict):
            raise self.service.unexpected("has no object of features", values)
        return Analysis(NAME, values)

    def _cut(self, path: Path) -> tuple[str, bytes]:
        # The path is absolute, so that ffmpeg reads it neither as an option nor as the URL of a protocol.
        arguments = [str(path.absolute()) if part == "" else part for part in _CUT_ARGUMENTS]
        audio = run_limited([str(self.ffmpeg), *arguments], _CUT)
        if not audio:
            raise AnalysisFailed("ffmpeg found no audio in this file")
        return "audio.ogg", audio


def _whole(path: Path) -> tuple[str, bytes]:
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES or path.stat().st_size > MOST_BYTES:
        raise AnalysisFailed("ReccoBeats accepts MP3, OGG, WAV and AIFF up to 5 MB: install ffmpeg, which cuts files")
    return f"audio{suffix}", path.read_bytes()
