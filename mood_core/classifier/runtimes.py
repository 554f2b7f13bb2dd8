"""The two runtimes of a saved network: LiteRT, which is fast, and Keras, the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mood_core.classifier.model_limits import TRAIN_OWN, check_weights
from mood_core.classifier.native_noise import import_tensorflow, quiet
from mood_core.errors import ModelCardMismatch, ModelError
from mood_core.installation import install_extra

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


class LiteRtRuntime:
    """The model in Google's LiteRT interpreter: starts in hundredths of a second and needs no TensorFlow."""

    name = "litert"
    chunk_rows = 2048  # the intermediate tensors then fit a core's cache; bigger batches were slower

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        from ai_edge_litert.interpreter import Interpreter

        try:
            with quiet():
                self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
                self._interpreter.allocate_tensors()
            self._input = self._interpreter.get_input_details()[0]["index"]
            self._output = self._interpreter.get_output_details()[0]["index"]
        except (ValueError, RuntimeError, IndexError) as error:
            raise ModelCardMismatch(f"{path} is not a LiteRT model ({error}); copy the model folder again") from error
        self._rows = -1

    def run(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """The (n, k) probabilities of an (n, f) float32 matrix."""
        try:
            self._resize(matrix.shape)
            self._interpreter.set_tensor(self._input, matrix)
            self._interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"the LiteRT runtime failed ({error}); set MOODLOG_RUNTIME=keras") from error
        return np.asarray(self._interpreter.get_tensor(self._output), dtype=np.float32)

    def _resize(self, shape: tuple[int, ...]) -> None:
        if shape[0] != self._rows:
            self._interpreter.resize_tensor_input(self._input, list(shape))
            self._interpreter.allocate_tensors()
            self._rows = shape[0]


class KerasRuntime:
    """The saved Keras model itself, loaded in safe mode: no code from the file is run."""

    name = "keras"
    chunk_rows = 8192

    def __init__(self, path: Path) -> None:
        try:
            keras, _ = import_tensorflow()
        except ImportError as error:
            raise ModelError(f"the Keras runtime is not installed; run: {install_extra('train')}") from error
        check_weights(path)
        try:
            self._model = keras.models.load_model(path, compile=False, safe_mode=True)
        except Exception as error:  # the zip, JSON and HDF5 inside raise errors without a common base
            # Keras's own message advises to switch off safe mode, which is what a hostile model needs.
            reason = "it holds code of its own" if "unsafe" in str(error) or "safe_mode" in str(error) else str(error)
            raise ModelCardMismatch(f"{path} is not a model that moodlog loads ({reason}); {TRAIN_OWN}") from error

    def run(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """The (n, k) probabilities of an (n, f) float32 matrix."""
        try:
            return np.asarray(self._model.predict_on_batch(matrix), dtype=np.float32)
        except Exception as error:  # TensorFlow's errors share no other base
            raise ModelError(f"the Keras model failed ({error}); train it again") from error
