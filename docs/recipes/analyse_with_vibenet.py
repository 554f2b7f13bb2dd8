"""Estimates the nine audio features of one file for ``moodlog audio add``: a program of its own, not a part of moodlog.

Install what it uses in an environment of its own: ``pip install vibenet pyloudnorm``. vibenet is under the GPL-3. It
estimates seven features; the loudness is that of EBU R128 by pyloudnorm, the tempo that of librosa.

    MOODLOG_AUDIO_ANALYSER="/path/to/its/python /path/to/analyse_with_vibenet.py" moodlog audio add ~/Music
"""

import contextlib
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import librosa
import numpy as np
import pyloudnorm
import soundfile

VIBENET = Path(sys.executable).with_name("vibenet")
SHORTEST_S = 1.0
QUIETEST_DB = -60.0


def main(path: str) -> None:
    """Write the features of the file at ``path`` as JSON."""
    with contextlib.redirect_stdout(sys.stderr):
        samples, rate = librosa.load(path, sr=None, mono=False)
    mono = samples if samples.ndim == 1 else samples.mean(axis=0)
    if len(mono) < SHORTEST_S * rate:
        sys.exit(f"the file is shorter than {SHORTEST_S:g} s")
    loudness = pyloudnorm.Meter(rate).integrated_loudness(samples.T)
    features = estimated(mono, rate)
    tempo = np.atleast_1d(librosa.feature.tempo(y=mono, sr=rate))[0]
    features |= {
        "analyser": "vibenet",
        "loudness": max(loudness, QUIETEST_DB) if math.isfinite(loudness) else QUIETEST_DB,
        "tempo": float(tempo),
    }
    sys.stdout.write(json.dumps(features))


def estimated(mono: np.ndarray, rate: float) -> dict[str, object]:
    """The seven features by vibenet, from a WAV file: of M4A and some Opus files it gives the same values for all."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as wav:
        soundfile.write(wav.name, mono, int(rate))
        command = [VIBENET, "--quiet", "--format", "json", wav.name]
        run = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - no shell
    features: dict[str, object] = json.loads(run.stdout)[0]
    del features["path"]
    return features


if __name__ == "__main__":
    main(sys.argv[1])
