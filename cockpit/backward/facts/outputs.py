"""Facts of what the model returned."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from cockpit.backward.facts import scan
from cockpit.backward.facts.fetch import Then
from cockpit.backward.facts.group import Found, Group, Seen, describe, plain
from cockpit.backward.facts.moments import Columns, pieces, sums_of
from cockpit.backward.layer_call import maker, operation
from cockpit.linalg import widened

__all__ = ["Outputs", "operation_facts", "outputs_facts", "scores_facts"]

BOUNDS = {"Clamp": ("min", "max"), "Hardtanh": ("min_val", "max_val")}  # where nodes keep them
COMPILED = "CompiledFunction"  # stands for all that a compiled model did
NEAR_ONE = 1e-3  # for sums of probabilities, or the precision of their kind of number


def outputs_facts(x: Tensor) -> Found:
    """Numbers of the outputs.

    Args:
        x: Floats, shape [N, *], not empty.
    """
    rows = x.reshape(len(x), -1) if x.dim() else x.view(1, 1)
    sums = sums_of(rows)
    *counts, least, most = _counted(rows, sums.low.min(), sums.high.max())
    totals: list[Any] = [least, most] if x.dim() == 2 else []
    if x.dim() > 2:
        totals = [end for p in pieces(x) for end in widened(p).sum(1).aminmax()]
    tolerance = max(NEAR_ONE, torch.finfo(x.dtype).eps)
    make = partial(scores_facts, x.numel(), len(rows), tolerance)
    return {"outputs": Then([*sums, *counts, *totals], make)}


def _counted(rows: Tensor, low: Any, high: Any) -> tuple[Any, ...]:
    """Elements that equal two numbers, that are not 0; extremes of the sums of rows."""
    if scan.serves(rows):
        return scan.value_counts(rows, float(low), float(high))
    several = [
        [(x == low).sum(), (x == high).sum(), x.count_nonzero(), *widened(x).sum(1).aminmax()]
        for x in pieces(rows)
    ]
    *counts, least, most = (torch.stack(found) for found in zip(*several, strict=True))
    return *(n.sum() for n in counts), least.amin(), most.amax()


def scores_facts(size: int, samples: int, tolerance: float, *given: Any) -> Found:
    """What the columns say; means, variances and extremes are of the finite elements.

    Args:
        size: Number of elements.
        samples: N.
        tolerance: Of sums of probabilities.
        given: The fields of :class:`~cockpit.backward.facts.moments.Sums`; the number of elements
            that equal the smallest one, of those that equal the largest, of those that are not 0;
            then, of two axes or more, the smallest and the largest sum along axis 1.
    """
    columns, (at_low, at_high, filled), totals = Columns.of(*given[:5]), given[5:8], given[8:]
    times = [at_low] if columns.low == columns.high else [at_low, at_high]
    found = columns.facts("outputs", size) | {
        "outputs.at_bound": sum(n for n in times if n > 1) / size if columns.finite else 0.0,
        "outputs.zeros": (size - filled) / size,
    }
    if totals:
        near = all(abs(total - 1) <= tolerance for total in totals)
        found["outputs.sum_to_one"] = near and columns.low >= 0 and not found["outputs.nonfinite"]
    if samples > 1 and columns.finite:
        ratio = columns.spread / columns.variance if columns.variance > 0 else 0.0
        found["outputs.spread"] = math.sqrt(ratio)
    return found


def operation_facts(x: Tensor) -> Found:
    """By what operation the outputs were made, and between which bounds it keeps them.

    Args:
        x: With its graph, if it has one.
    """
    node, _ = maker(x.grad_fn)
    if node is None or operation(node) == COMPILED:
        return {}
    found: Found = {"outputs.operation": operation(node)}
    for end, name in zip(("lower", "upper"), BOUNDS.get(operation(node), ()), strict=False):
        bound = _number(node, name)
        if bound is not None:
            found[f"outputs.{end}_bound"] = bound
    return found


def _number(node: Any, name: str) -> int | float | None:
    """A number that a node keeps; ``None`` if it is a tensor, or there is none.

    Tensors are not asked for: of a checkpoint, that would run a part of the model again.
    """
    return None if hasattr(node, f"_raw_saved_{name}") else getattr(node, f"_saved_{name}", None)


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
        return found | outputs_facts(x) | operation_facts(seen.output)
