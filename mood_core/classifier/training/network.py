"""The saved Keras model: preprocessing and softmax regression in native layers, with fixed weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.classifier.native_noise import import_tensorflow
from mood_core.classifier.training.encoder import CLIP, pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mood_core.classifier.training.encoder import Encoder
    from mood_core.classifier.training.model import MoodModel


def saved_model(model: MoodModel) -> Any:
    """The Keras model of ``model``: (n, f) raw features in, (n, k) probabilities out."""
    import_tensorflow()
    import keras
    from keras import layers, ops

    encoder, features = model.encoder, len(model.encoder.knots)
    inputs = keras.Input((features,), name="features", dtype="float32")
    missing = ops.isnan(inputs)
    present = 1.0 - ops.cast(missing, "float32")
    x = ops.where(missing, ops.zeros_like(inputs), inputs)
    quantiles = _quantiles(x, encoder) * present
    values = _standardised(x[:, :-1], encoder) * present[:, :-1]
    linear, products, constant = _parts(model)
    plain = layers.Concatenate(name="plain")([quantiles, values, 1.0 - present[:, -1:]])
    plain = _fixed(layers.Dense(len(constant), name="linear"), plain, linear, constant)
    weighted = layers.EinsumDense("bf,fgk->bgk", output_shape=products.shape[1:], name="products")
    squared = ops.sum(_fixed(weighted, quantiles, products) * ops.expand_dims(quantiles, -1), axis=1)
    return keras.Model(inputs, layers.Softmax(name="probabilities")(plain + squared), name="moods")


def _quantiles(x: Any, encoder: Encoder) -> Any:
    from keras import layers

    scale, shift, rise, base = _segments(encoder)
    segments = layers.EinsumDense("bf,ft->bft", output_shape=scale.shape, bias_axes="ft", name="segments")
    x = layers.ReLU(max_value=1.0, name="within_segment")(_fixed(segments, x, scale, shift))
    mapped = layers.EinsumDense("bft,ft->bf", output_shape=(len(base),), bias_axes="f", name="quantile_normal")
    return _fixed(mapped, x, rise, base)


def _standardised(x: Any, encoder: Encoder) -> Any:
    """The values between -CLIP and CLIP standard deviations, by a clipped ReLU that is moved down."""
    from keras import layers

    scale = 1.0 / encoder.spread.astype(np.float64)
    shift = CLIP - encoder.middle.astype(np.float64) * scale
    size = len(scale)
    moved = layers.EinsumDense("bf,f->bf", output_shape=(size,), bias_axes="f", name="standardised")
    x = _fixed(moved, x, scale.astype(np.float32), shift.astype(np.float32))
    return layers.ReLU(max_value=2 * CLIP, name="clipped")(x) - CLIP


def _parts(model: MoodModel) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """The coefficients of the plain inputs (p, k), of the products (f, f, k), and the constant (k,)."""
    coefficients, features = model.coefficients, len(model.encoder.knots)
    plain, first_product = 2 * features - 1, 2 * features - 1
    first, second = pairs(features)
    products = np.zeros((features, features, coefficients.shape[1]))
    products[first, second] = coefficients[first_product : first_product + len(first)]
    linear = np.concatenate([coefficients[:plain], coefficients[-2:-1]])
    return linear.astype(np.float32), products.astype(np.float32), coefficients[-1].astype(np.float32)


def _fixed(layer: Any, inputs: Any, *weights: NDArray[np.float32]) -> Any:
    """Apply ``layer`` with these fixed weights."""
    outputs = layer(inputs)
    layer.set_weights(list(weights))
    layer.trainable = False
    return outputs


def _segments(encoder: Encoder) -> tuple[NDArray[np.float32], ...]:
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
