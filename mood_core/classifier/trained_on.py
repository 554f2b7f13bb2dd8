"""Hashes of the training tracks in the model's folder, so that it is measured on other tracks only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mood_core.classifier.model_card import TRACKS_FILE
from mood_core.errors import ModelCardMismatch
from mood_core.files.outside import read_bounded

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_MOST_BYTES = 64 << 20


def write_trained_on(hashes: NDArray[np.uint64], folder: Path) -> None:
    """Write sorted ``hashes`` into the model ``folder``."""
    (folder / TRACKS_FILE).write_bytes(hashes.astype("<u8").tobytes())


def read_trained_on(folder: Path) -> NDArray[np.uint64]:
    """The hashes of the training tracks of the model in ``folder``.

    Raises:
        ModelCardMismatch: the file is absent, as in models that older versions trained, or damaged.
    """
    path = folder / TRACKS_FILE
    try:
        content = read_bounded(path, _MOST_BYTES, error=ModelCardMismatch)
    except OSError as error:
        raise ModelCardMismatch(
            f"{path} cannot be read ({error.strerror}), so it is not known which tracks the model was trained on; "
            "train it again with this moodlog"
        ) from error
    if len(content) % 8:
        raise ModelCardMismatch(f"{path} is damaged; copy the model folder again")
    return np.frombuffer(content, dtype="<u8").astype(np.uint64)
