"""What a saved model may contain: checked before its files are read or anything of it is built.

A mood model has ten inputs and a few hundred kilobytes. The limits allow models a hundred times as large, but no file
that fills the memory of the machine.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mood_core.errors import ModelCardMismatch
from mood_core.files.outside import check_zip, open_regular

MOST_BYTES = 64 << 20
"""The most bytes of a file of a model, and of a Keras archive unpacked."""

TRAIN_OWN = "train a model of your own with `moodlog train`, or use the bundled one"
"""What to do about a model that is not used."""

_WIDEST = 8_192
_NO_SIZES = ("seed", "shared_object_id")
_BLOCK = 1 << 20


def sha256_of(path: Path) -> str:
    """The digest of a model's file.

    Raises:
        OSError: it is not there or cannot be read.
        ModelCardMismatch: it is not a regular file, or too large.
    """
    digest = hashlib.sha256()
    with open_regular(path, most_bytes=MOST_BYTES, error=ModelCardMismatch) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def check_archive(path: Path) -> None:
    """Check that the Keras archive ``path`` unpacks to little and declares no code and no huge layer.

    Raises:
        OSError: it is not there or cannot be read.
        ModelCardMismatch: it is too large, or holds a layer with code of its own.
    """
    check_zip(path, MOST_BYTES, error=ModelCardMismatch)
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError, NotImplementedError, RuntimeError):
        return  # Keras says what is wrong with it
    for key, value in _parts(config):
        if key == "class_name" and value == "Lambda":
            raise ModelCardMismatch(
                f"{path} holds a layer with code of its own (Lambda), which moodlog never runs; {TRAIN_OWN}"
            )
        if isinstance(value, int) and value > _WIDEST and key not in _NO_SIZES:
            raise ModelCardMismatch(f"{path} declares a layer of size {value:,}, more than {_WIDEST:,}; {TRAIN_OWN}")


def check_weights(path: Path) -> None:
    """Check that the arrays which the Keras archive ``path`` declares fit into little memory. Needs the extra train.

    Raises:
        ModelCardMismatch: they do not.
    """
    import h5py  # type: ignore[import-untyped]

    sizes: list[int] = []
    try:
        with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as weights:
            weights.visititems(lambda _, item: sizes.append(getattr(item, "nbytes", 0)))
    except (zipfile.BadZipFile, KeyError, OSError, ValueError, NotImplementedError, RuntimeError):
        return  # Keras says what is wrong with it
    if sum(sizes) > MOST_BYTES:
        raise ModelCardMismatch(f"{path} declares more than {MOST_BYTES:,} bytes of weights; {TRAIN_OWN}")


def _parts(config: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at any depth; the parts of a list have the key of the list."""
    waiting = [("", config)]
    while waiting:
        key, value = waiting.pop()
        yield key, value
        if isinstance(value, dict):
            waiting += value.items()
        elif isinstance(value, list):
            waiting += [(key, each) for each in value]
