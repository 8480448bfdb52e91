"""How large gradients are at the two ends of a network."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from cockpit.lamps.course import Course, once_a_step
from cockpit.lamps.network import weight_layers

__all__ = ["Ends", "ends"]


@dataclass(frozen=True)
class Ends:
    """Typical gradient norms of the weights nearest to the input and to the output.

    A third of the weights at each end. Norms, not means over elements: in a network of ReLUs and
    weights the products θᵀg of all layers are alike (Euler), and ‖θ‖ hardly depends on the number
    of inputs of a layer, so a large layer has no larger ‖g‖; its mean element is small by size.

    Attributes:
        input: By name, of the weights nearest to the input.
        output: By name, of those nearest to the output.
    """

    input: dict[str, float]
    output: dict[str, float]


@once_a_step
def ends(course: Course, count: int) -> Ends | None:
    """Medians over the last tracked steps; ``None`` with fewer than three weights with a gradient.

    A gradient of exactly 0 has not vanished, it was never there (detached, frozen, dead): left out.

    Args:
        course: The run so far.
        count: Of how many tracked steps at most.
    """
    rows = (s.layers["GradNorm"] for s in reversed(course.steps) if "GradNorm" in s.layers)
    norms = np.array(list(itertools.islice(rows, count)))
    if not norms.size:
        return None
    names, medians = course.layer_names, _medians(norms).tolist()
    typical = {names[i]: medians[i] for i in weight_layers(course) if 0 < medians[i] < np.inf}
    third = len(typical) // 3
    if not third:
        return None
    listed = list(typical.items())
    return Ends(dict(listed[:third]), dict(listed[-third:]))


def _medians(rows: np.ndarray) -> np.ndarray:
    """Medians of columns, NaN where one of the numbers is; for few rows, faster than numpy's."""
    ordered, middle = np.sort(rows, axis=0), len(rows) // 2  # NaN comes last
    found = (ordered[middle] + ordered[(len(rows) - 1) // 2]) / 2
    return np.where(np.isnan(ordered[-1]), np.nan, found)
