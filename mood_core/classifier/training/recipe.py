"""The recipe's settings, and the batches it trains on: shuffled, and deliberately blurred."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mood_core.domain.records import FEATURES
from mood_core.domain.vectors import SHARES

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TEMPO = FEATURES.index("tempo")
_DURATION = FEATURES.index("duration_ms")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the bundled model is trained. The defaults are the bundled model's.

    ``members`` networks of ``hidden`` units are averaged. ``jitter_share`` of the rows get every value scaled by up to
    ``jitter_scale``, and on the 0–1 features normal noise of ``jitter_noise`` and one common shift of up to
    ``jitter_shift``, as other sources differ by that much. ``tempo_octaves``: the share of rows whose tempo is halved,
    and as many doubled, as tempo trackers confuse the two. ``duration_missing``: the share of rows whose duration is
    taken away. The temperature is fitted to ``calibration_folds`` inner folds with ``calibration_members`` each, which
    costs less and differs little.
    """

    members: int = 8
    hidden: int = 128
    dropout: float = 0.2
    l2: float = 1e-3
    learning_rate: float = 5e-3
    weight_decay: float = 1e-3
    batch: int = 128
    epochs: int = 120
    minimum_steps: int = 480
    maximum_steps: int = 6_000
    jitter_share: float = 0.5
    jitter_scale: float = 0.1
    jitter_noise: float = 0.05
    jitter_shift: float = 0.1
    tempo_octaves: float = 0.15
    duration_missing: float = 0.15
    calibration_folds: int = 5
    calibration_members: int = 4

    def steps(self, rows: int) -> int:
        """Training steps for ``rows`` tracks: few tracks need as many steps as some hundred, many need no more."""
        steps = self.epochs * steps_per_epoch(rows, self.batch)
        return max(self.minimum_steps, min(steps, self.maximum_steps))


def steps_per_epoch(rows: int, batch: int) -> int:
    """Batches that hold every one of ``rows`` tracks at least once."""
    return -(-rows // batch)


def shuffled_rows(rows: int, batch: int, steps: int, random: np.random.Generator) -> NDArray[np.int64]:
    """(steps * batch,) int64: row numbers, every epoch a new order, the last batch filled up from its beginning."""
    epoch = steps_per_epoch(rows, batch) * batch
    orders = [np.resize(random.permutation(rows), epoch) for _ in range(-(-steps * batch // epoch))]
    return np.concatenate(orders)[: steps * batch].astype(np.int64)


def blurred(matrix: NDArray[np.float32], recipe: Recipe, random: np.random.Generator) -> NDArray[np.float32]:
    """A copy of an (n, 10) float32 ``matrix`` of raw features as less careful sources might have given it."""
    result = _jittered(matrix, recipe, random)
    octave = random.random(len(matrix))
    result[octave < recipe.tempo_octaves, _TEMPO] *= 0.5
    result[octave > 1.0 - recipe.tempo_octaves, _TEMPO] *= 2.0
    result[random.random(len(matrix)) < recipe.duration_missing, _DURATION] = np.nan
    return result


def _jittered(matrix: NDArray[np.float32], recipe: Recipe, random: np.random.Generator) -> NDArray[np.float32]:
    scale = 1.0 + recipe.jitter_scale * random.uniform(-1.0, 1.0, matrix.shape)
    noisy = matrix * scale
    noise = random.normal(0.0, recipe.jitter_noise, (len(matrix), len(SHARES)))
    noise += random.uniform(-recipe.jitter_shift, recipe.jitter_shift, (len(matrix), 1))
    noisy[:, SHARES] = np.clip(noisy[:, SHARES] + noise, 0.0, 1.0)
    chosen = random.random(len(matrix)) < recipe.jitter_share
    return np.where(chosen[:, None], noisy, matrix).astype(np.float32)
