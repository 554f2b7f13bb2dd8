"""The networks in Keras: many small ones trained side by side as one, and one of them as the model that is saved.

Side by side: all folds of a cross-validation, and all members of each, are blocks of one wide network whose loss is
the sum of theirs. Nothing is shared, Adam works weight by weight, so each trains as if it were alone; but TensorFlow's
fixed cost per step is paid once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.classifier.native_noise import import_tensorflow
from mood_core.classifier.training.encoder import QuantileEncoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Members:
    """The trained weights of m small networks with f inputs, h hidden units and k classes, all float32.

    ``hidden_kernel`` (f, m·h), ``hidden_bias`` (m·h,), ``output_kernel`` (m, h, k), ``output_bias`` (m, k).
    """

    hidden_kernel: NDArray[np.float32]
    hidden_bias: NDArray[np.float32]
    output_kernel: NDArray[np.float32]
    output_bias: NDArray[np.float32]

    def logits(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, m, k) float32 for (n, f) encoded ``inputs``."""
        members, hidden, _ = self.output_kernel.shape
        activations = np.maximum(inputs @ self.hidden_kernel + self.hidden_bias, 0.0).reshape(-1, members, hidden)
        result = np.einsum("nmh,mhk->nmk", activations, self.output_kernel, optimize=True) + self.output_bias
        return np.asarray(result, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Optimisation:
    """How a network is trained: AdamW, with cosine decay to zero or at a constant rate."""

    learning_rate: float
    weight_decay: float
    cosine_decay: bool
    dropout: float
    l2: float


def train_side_by_side(
    inputs: NDArray[np.float32],
    targets: NDArray[np.float32],
    *,
    members: int,
    hidden: int,
    optimisation: Optimisation,
    seed: int,
    progress: Callable[[float], None] | None = None,
) -> list[Members]:
    """Train p independent ensembles on ``inputs`` (steps, batch, p, f) and one-hot ``targets`` (steps, batch, p, k).

    ``progress`` is told the share done, 0–1. The same arguments give the same weights.
    """
    keras, tf = import_tensorflow()
    steps, _, networks, features = inputs.shape
    classes = targets.shape[-1]
    model = _training_model(networks, features, classes, members, hidden, optimisation, seed)
    model.compile(
        optimizer=_optimiser(optimisation, steps), loss=_summed_cross_entropy, steps_per_execution=_STEPS_PER_EXECUTION
    )
    batches = tf.data.Dataset.from_tensor_slices((inputs, targets)).prefetch(2 * _STEPS_PER_EXECUTION)
    callbacks = [] if progress is None else [_reporter(keras, progress, steps)]
    model.fit(batches, epochs=1, shuffle=False, verbose=0, callbacks=callbacks)
    return _split(model, networks, members, hidden, classes)


_STEPS_PER_EXECUTION = 20
"""Steps run inside TensorFlow before Python is asked again."""


def _training_model(
    networks: int, features: int, classes: int, members: int, hidden: int, optimisation: Optimisation, seed: int
) -> Any:
    import keras
    from keras import layers

    # Glorot's limits for one member: the blocks know nothing of each other.
    hidden_start = keras.initializers.RandomUniform(*_limits(features, hidden), seed=seed)
    output_start = keras.initializers.RandomUniform(*_limits(hidden, classes), seed=seed + 1)
    inputs = keras.Input((networks, features))
    x = layers.EinsumDense(
        "bpf,pfh->bph",
        output_shape=(networks, members * hidden),
        bias_axes="ph",
        activation="relu",
        kernel_initializer=hidden_start,
        kernel_regularizer=keras.regularizers.L2(optimisation.l2),
        name="hidden",
    )(inputs)
    x = layers.Reshape((networks * members, hidden))(x)
    x = layers.Dropout(optimisation.dropout, seed=seed + 2)(x)
    x = layers.EinsumDense(
        "bmh,mhk->bmk",
        output_shape=(networks * members, classes),
        bias_axes="mk",
        kernel_initializer=output_start,
        name="output",
    )(x)
    return keras.Model(inputs, layers.Reshape((networks, members, classes))(x))


def _limits(inputs: int, outputs: int) -> tuple[float, float]:
    limit = float(np.sqrt(6.0 / (inputs + outputs)))
    return -limit, limit


def _optimiser(optimisation: Optimisation, steps: int) -> Any:
    import keras

    rate: Any = optimisation.learning_rate
    if optimisation.cosine_decay:
        rate = keras.optimizers.schedules.CosineDecay(rate, steps)
    return keras.optimizers.AdamW(rate, weight_decay=optimisation.weight_decay)


def _summed_cross_entropy(targets: Any, logits: Any) -> Any:
    from keras import ops

    per_member = -ops.sum(ops.expand_dims(targets, 2) * ops.log_softmax(logits, axis=-1), axis=-1)
    return ops.sum(per_member, axis=(1, 2))


def _reporter(keras: Any, progress: Callable[[float], None], steps: int) -> Any:
    def report(batch: int, logs: Any) -> None:  # noqa: ARG001 - Keras passes both by name
        progress((batch + 1) / steps)

    return keras.callbacks.LambdaCallback(on_train_batch_end=report)


def _split(model: Any, networks: int, members: int, hidden: int, classes: int) -> list[Members]:
    hidden_kernel, hidden_bias = (np.asarray(value) for value in model.get_layer("hidden").get_weights())
    output_kernel, output_bias = (np.asarray(value) for value in model.get_layer("output").get_weights())
    output_kernel = output_kernel.reshape(networks, members, hidden, classes)
    output_bias = output_bias.reshape(networks, members, classes)
    return [Members(*parts) for parts in zip(hidden_kernel, hidden_bias, output_kernel, output_bias, strict=True)]


def saved_model(encoder: QuantileEncoder, members: Members, temperature: float) -> Any:
    """The Keras model that is saved: (n, f) raw features in, (n, k) probabilities out, native layers only."""
    import keras
    from keras import layers, ops

    count, hidden, classes = members.output_kernel.shape
    features = len(encoder.knots)
    scale, shift, rise, base = _encoder_weights(encoder)
    inputs = keras.Input((features,), name="features", dtype="float32")
    missing = ops.isnan(inputs)
    present = 1.0 - ops.cast(missing, "float32")
    x = ops.where(missing, ops.zeros_like(inputs), inputs)
    x = _fixed(
        layers.EinsumDense("bf,ft->bft", output_shape=scale.shape, bias_axes="ft", name="segments"), x, scale, shift
    )
    x = layers.ReLU(max_value=1.0, name="within_segment")(x)
    x = _fixed(
        layers.EinsumDense("bft,ft->bf", output_shape=(features,), bias_axes="f", name="quantile_normal"), x, rise, base
    )
    x = layers.Concatenate(name="encoded")([x * present, 1.0 - present[:, -1:]])
    x = _fixed(
        layers.Dense(count * hidden, activation="relu", name="hidden"), x, members.hidden_kernel, members.hidden_bias
    )
    x = layers.Reshape((count, hidden), name="members")(x)
    output = layers.EinsumDense("bmh,mhk->bmk", output_shape=(count, classes), bias_axes="mk", name="logits")
    x = _fixed(output, x, members.output_kernel, members.output_bias)
    x = layers.Rescaling(1.0 / temperature, name="temperature")(x)
    x = layers.Softmax(name="member_probabilities")(x)
    return keras.Model(inputs, layers.GlobalAveragePooling1D(name="probabilities")(x), name="moods")


def _fixed(layer: Any, inputs: Any, *weights: NDArray[np.float32]) -> Any:
    """Apply ``layer`` with these weights, never to be trained again."""
    outputs = layer(inputs)
    layer.set_weights(list(weights))
    layer.trainable = False
    return outputs


def _encoder_weights(encoder: QuantileEncoder) -> tuple[NDArray[np.float32], ...]:
    """Scale and shift (f, t) of each segment, its rise (f, t), and each feature's lowest level (f,)."""
    features = len(encoder.knots)
    segments = max(1, *(len(knots) - 1 for knots in encoder.knots))
    scale, shift, rise = (np.zeros((features, segments), dtype=np.float32) for _ in range(3))
    base = np.array([levels[0] for levels in encoder.levels], dtype=np.float32)
    for position, (knots, levels) in enumerate(zip(encoder.knots, encoder.levels, strict=True)):
        used = len(knots) - 1
        gaps = np.diff(knots.astype(np.float64))
        scale[position, :used] = 1.0 / gaps
        shift[position, :used] = -knots[:-1] / gaps
        rise[position, :used] = np.diff(levels)
    return scale, shift, rise, base
