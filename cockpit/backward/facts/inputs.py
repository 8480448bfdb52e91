"""Facts of the batch that the model was given."""

from __future__ import annotations

import math
import weakref
from functools import partial
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from cockpit.backward.facts import scan
from cockpit.backward.facts.fetch import Then
from cockpit.backward.facts.group import Found, Group, Seen, describe, plain
from cockpit.backward.facts.hashes import fingerprints
from cockpit.backward.facts.moments import Columns, sums_of, table
from cockpit.backward.stats import Absent

__all__ = [
    "Inputs",
    "codes_facts",
    "features_facts",
    "inputs_facts",
    "samples_facts",
    "scale_spread",
]

Array = Tensor | np.ndarray
RARE = 5.0  # widest range in standard deviations of a feature that is not rarely anything but 0
FEWEST_FEATURES, TENTH = 8, 0.1
WITHOUT_ORDER = (torch.uint16, torch.uint32, torch.uint64)  # torch does not compare them


def inputs_facts(x: Tensor, *compared: Array) -> Found:
    """Numbers of a batch of floats; features are its columns, of images [N, C, *, *] the channels.

    Args:
        x: Shape [N, *], not empty.
        compared: The columns' fingerprints, if they are to be compared with each other.
    """
    given = [*sums_of(table(x)), *compared]
    return {"inputs": Then(given, partial(features_facts, x.numel()))}


def features_facts(size: int, *given: np.ndarray) -> Found:
    """What the columns of a batch say; means, variances and extremes are of the finite elements.

    Args:
        size: Number of elements.
        given: The fields of :class:`~cockpit.backward.facts.moments.Sums`; then, if features are to
            be compared with each other, their fingerprints.
    """
    columns = Columns.of(*given[:5])
    found = columns.facts("inputs", size)
    if columns.finite:
        found |= {"inputs.mean": columns.mean, "inputs.std": math.sqrt(columns.variance)}
    if columns.varying:
        found["inputs.offset"] = math.sqrt(columns.offset / columns.spread)
    for hashes in given[5:]:
        copies = scan.number_of_repeats(hashes, given[3], given[4])
        found["inputs.constant"] = 1 - columns.varying / columns.columns
        found["inputs.duplicates"] = copies / columns.columns
        if columns.varying:
            found["inputs.scale_ratio"] = math.sqrt(columns.largest / columns.smallest)
        spread = scale_spread(*given[:5])
        if spread is not None:
            found["inputs.scale_spread"] = spread
    return found


def scale_spread(
    finite: np.ndarray, mean: np.ndarray, squares: np.ndarray, low: np.ndarray, high: np.ndarray
) -> float | None:
    """How far the standard deviations of most features lie apart: their 9th over their 1st decile.

    Features that are rarely anything but 0 (a range of over 5 standard deviations) hardly vary
    within a batch by their nature, and are left out.

    Args:
        finite: Of the columns, see :class:`~cockpit.backward.facts.moments.Sums`.
        mean: The same.
        squares: The same.
        low: The same.
        high: The same.

    Returns:
        The ratio; ``None`` for fewer than 8 features.
    """
    varying = high > low
    stds = np.sqrt(squares[varying] / finite[varying])
    stds = stds[np.isfinite(stds) & (high[varying] - low[varying] <= RARE * stds)]
    if len(stds) < FEWEST_FEATURES:
        return None
    below, above = np.quantile(stds, (TENTH, 1 - TENTH))
    return float(above / below)


def codes_facts(x: Tensor) -> Found:
    """Extremes of a batch of integers or flags.

    Args:
        x: Any shape, not empty.
    """
    low, high = (x.long() if x.dtype in WITHOUT_ORDER else x).aminmax()
    return {"inputs.min": Then([low], int), "inputs.max": Then([high], int)}


def samples_facts(hashes: Array, before: Array | None) -> Found:
    """How many samples are there twice, or were there before.

    Args:
        hashes: Fingerprints of the samples, shape [N].
        before: Those of the last tracked batch, ``None`` if there was none.
    """

    def make(own: np.ndarray, *earlier: np.ndarray) -> Found:
        twins, again = scan.number_of_twins(own, earlier[0] if earlier else own[:0])
        found: Found = {"inputs.same_rows": twins / own.size}
        return found | ({"inputs.repeated": again / own.size} if earlier else {})

    return {"inputs.samples": Then([hashes, *([] if before is None else [before])], make)}


def whole(x: Tensor) -> Tensor:
    """The tensor that ``x`` is another shape of; else ``x`` itself, as where it is a part."""
    base = x._base
    return x if base is None or base.numel() != x.numel() else base


class Inputs(Group):
    """Facts of the model's first tensor argument."""

    name: ClassVar[str] = "inputs"

    def __init__(self) -> None:
        self._before: Array | None = None
        self._tensor: weakref.ref[Tensor] | None = None

    def before_backward(self, seen: Seen) -> Found:
        """Of the whole batch.

        Raises:
            Absent: If it is not what the model was given any more.
        """
        before, self._before = self._before, None
        last, self._tensor = self._tensor, None
        if seen.inputs is None:
            return {}
        if not seen.intact:
            raise Absent("the batch was overwritten in place after the model had been called")
        found, x = describe("inputs", seen.inputs), plain(seen.inputs)
        if x is None or not x.numel() or not x.dim():
            return found
        of_columns = x.dim() == 2 and x.is_floating_point()
        hashes, *compared = fingerprints(x.reshape(len(x), -1), of_columns)
        if x.is_floating_point():
            found |= inputs_facts(x, *compared)
        else:
            found |= codes_facts(x)
        if len(x) == seen.batch_size:
            self._before, self._tensor = hashes, weakref.ref(whole(seen.inputs))
            found |= samples_facts(hashes, before)
            if last is not None:
                found["inputs.same_tensor"] = last() is whole(seen.inputs)
        return found
