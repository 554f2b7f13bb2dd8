"""Whether the libraries for training are installed."""

from __future__ import annotations

import importlib.util
from importlib.metadata import PackageNotFoundError, version

from mood_core.errors import ModelError
from mood_core.installation import install_extra

_NEEDED = ("tensorflow", "keras", "sklearn", "pandas", "matplotlib", "seaborn")
_STATED = ("tensorflow", "keras", "ai-edge-litert", "numpy", "scikit-learn", "pyarrow", "moodlog")


def require_training() -> None:
    """Check that the extra ``train`` is installed.

    Raises:
        ModelError: a library is absent; says how to install it.
    """
    absent = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if absent:
        raise ModelError(f"training and measuring need {', '.join(absent)}; run: {install_extra('train')}")


def library_versions() -> dict[str, str]:
    """The versions of the libraries on which a model's weights depend."""
    found = {}
    for name in _STATED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
