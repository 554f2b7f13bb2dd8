"""The recipe's settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained. The defaults are the bundled model's, chosen by leave-one-curator-out log loss.

    The model is one softmax regression. ``l2_quantiles``, ``l2_values``, ``l2_products`` and ``l2_missing`` are the
    ridge penalties of its four groups of inputs (see :mod:`.encoder`), for weights that sum to 1 over the rows.
    ``duration_missing``: each row with a duration counts for this share without it, so that a missing one costs
    little. ``temperature``: the logits are divided by it. Below 1 it undoes a part of the shrinkage by the penalties;
    it is as low as leave-one-curator-out calibration allows.
    """

    l2_quantiles: float = 0.02
    l2_values: float = 0.5
    l2_products: float = 0.3
    l2_missing: float = 0.03
    duration_missing: float = 0.5
    temperature: float = 0.9
