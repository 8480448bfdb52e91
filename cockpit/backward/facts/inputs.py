"""Facts of the batch that the model was given."""

from __future__ import annotations

import math
from collections import Counter
from typing import ClassVar

import torch
from torch import Tensor

from cockpit.backward.facts.fetch import Then, root_of_ratio
from cockpit.backward.facts.group import Found, Group, Seen, describe, plain
from cockpit.backward.facts.hashes import column_hashes, number_of_repeats, row_hashes
from cockpit.backward.facts.moments import Columns, columns_of, table
from cockpit.backward.stats import Absent

__all__ = ["Inputs", "inputs_facts", "samples_facts"]


def inputs_facts(x: Tensor) -> Found:
    """Numbers of a batch of floats; features are its columns, of images [N, C, *, *] the channels.

    Means, variances and extremes are those of the finite elements.

    Args:
        x: Shape [N, *], not empty.
    """
    columns = columns_of(table(x))
    mean, variance = columns.whole()
    found = {
        "inputs.nonfinite": columns.nonfinite,
        "inputs.mean": mean,
        "inputs.std": variance.sqrt(),
        "inputs.min": columns.low.amin(),
        "inputs.max": columns.high.amax(),
        "inputs.offset": root_of_ratio(columns.mean.square().mean(), columns.variance.mean()),
    }
    return found | _features_facts(x, columns) if x.dim() == 2 else found


def _features_facts(x: Tensor, columns: Columns) -> Found:
    """What a table [N, D] says of its features, compared with each other."""
    variance, varies = columns.variance, columns.variance > 0
    least = torch.where(varies, variance, torch.inf).amin()

    def ratio(largest: float, smallest: float) -> float | None:
        return math.sqrt(largest / smallest) if math.isfinite(smallest) else None

    return {
        "inputs.scale_ratio": Then([variance.amax(), least], ratio),
        "inputs.constant": 1 - varies.count_nonzero() / x.shape[1],
        "inputs.duplicates": number_of_repeats(column_hashes(x), varies) / x.shape[1],
    }


def samples_facts(hashes: Tensor, before: Tensor | None) -> Found:
    """How many samples are there twice, or were there before.

    Args:
        hashes: Fingerprints of the samples, shape [N].
        before: Those of the last tracked batch, ``None`` if there was none.
    """

    def twins(own: list[int]) -> float:
        return sum(times for times in Counter(own).values() if times > 1) / len(own)

    def known(own: list[int], earlier: list[int]) -> float:
        seen = set(earlier)
        return sum(one in seen for one in own) / len(own)

    found: Found = {"inputs.same_rows": Then([hashes], twins)}
    if before is not None:
        found["inputs.repeated"] = Then([hashes, before], known)
    return found


class Inputs(Group):
    """Facts of the model's first tensor argument."""

    name: ClassVar[str] = "inputs"

    def __init__(self) -> None:
        self._before: Tensor | None = None

    def before_backward(self, seen: Seen) -> Found:
        """Of the whole batch.

        Raises:
            Absent: If it is not what the model was given any more.
        """
        before, self._before = self._before, None
        if seen.inputs is None:
            return {}
        if not seen.intact:
            raise Absent("the batch was overwritten in place after the model had been called")
        found, x = describe("inputs", seen.inputs), plain(seen.inputs)
        if x is None or not x.numel() or not x.dim():
            return found
        if x.is_floating_point():
            found |= inputs_facts(x)
        if len(x) == seen.batch_size:
            self._before = row_hashes(x.reshape(len(x), -1))
            found |= samples_facts(self._before, before)
        return found
