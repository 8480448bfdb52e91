"""Facts of what the model returned."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from cockpit.backward.facts.group import Found, Group, Seen, describe, plain
from cockpit.backward.facts.moments import Columns, columns_of, pieces
from cockpit.linalg import widened

__all__ = ["Outputs", "outputs_facts"]

NEAR_ONE = 1e-3


def outputs_facts(x: Tensor) -> Found:
    """Numbers of the outputs; means, variances and extremes are of the finite elements.

    Args:
        x: Floats, shape [N, *], not empty.
    """
    columns = columns_of(x.reshape(len(x), -1) if x.dim() else x.view(1, 1))
    low, high = columns.smallest, columns.largest
    found = {
        "outputs.nonfinite": columns.nonfinite,
        "outputs.min": low,
        "outputs.max": high,
        **_counted(x, low, high),
    }
    if x.dim() > 1:
        found["outputs.sum_to_one"] = (low >= 0) & (_off_one(x) <= _tolerance(x.dtype))
    if x.dim() and len(x) > 1:
        found["outputs.spread"] = _spread(columns)
    return found


def _counted(x: Tensor, low: Tensor, high: Tensor) -> Found:
    """Shares of single values among the elements."""
    flat = x.reshape(-1)
    equal = [[(p == value).sum() for value in (low, high, 0)] for p in pieces(flat)]
    at_low, at_high, zeros = (torch.stack(n).sum() for n in zip(*equal, strict=True))
    at_high = torch.where(low == high, 0, at_high)  # one value is one bound
    clamped = torch.where(at_low > 1, at_low, 0) + torch.where(at_high > 1, at_high, 0)
    return {"outputs.at_bound": clamped / x.numel(), "outputs.zeros": zeros / x.numel()}


def _off_one(x: Tensor) -> Tensor:
    """How far a sum along axis 1 is from 1, at most; NaN if one is NaN."""
    return torch.stack([(widened(p).sum(1) - 1).abs().amax() for p in pieces(x)]).amax()


def _tolerance(dtype: torch.dtype) -> float:
    return max(NEAR_ONE, torch.finfo(dtype).eps)


def _spread(columns: Columns) -> Tensor:
    """Standard deviation over the samples, relative to that of all elements; 0: all are equal."""
    _, whole = columns.whole()
    ratio = (columns.variance.mean() / whole).sqrt()
    equal = columns.low.amin() == columns.high.amax()
    return torch.where(equal, 0, ratio)


class Outputs(Group):
    """Facts of the model's output as the loss function got it."""

    name: ClassVar[str] = "outputs"

    def before_backward(self, seen: Seen) -> Found:
        """Of the whole batch."""
        if seen.output is None:
            return {}
        found, x = describe("outputs", seen.output), plain(seen.output)
        if x is None or not x.numel() or not x.is_floating_point():
            return found
        return found | outputs_facts(x)
