"""The typed values that a log holds, and their JSON form.

Everything here is plain Python and numpy: reading a log needs no torch.
A value becomes a JSON object with a ``kind`` tag; NaN and ±Inf become the strings
``"NaN"``, ``"Infinity"``, ``"-Infinity"``, which ``float()`` reads back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Scalar:
    """One number for the whole network.

    Attributes:
        value: The number; may be NaN or ±Inf.
        notes: What a reader must know about it, e.g. ``{"concave": True}`` or
            ``{"curvature": "ggn_mc", "samples": 1}``. JSON-able.
    """

    value: float
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PerLayer:
    """One number for the network and one for each named parameter.

    Attributes:
        value: The network-wide number.
        layers: One number per parameter, in the order of the header's ``layers``;
            ``None`` where the parameter has no such value (frozen, absent).
        notes: As in :class:`Scalar`.
    """

    value: float
    layers: tuple[float | None, ...]
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Arrays:
    """Whole arrays, one per named parameter (used by ``Parameters`` only; large).

    Attributes:
        layers: Flattened values of each parameter, in the header's order; ``None`` where absent.
        notes: As in :class:`Scalar`.
    """

    layers: tuple[np.ndarray | None, ...]
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Bins:
    """Uniform bins on ``[low, high)``: ``count`` of them."""

    low: float
    high: float
    count: int

    def edges(self) -> np.ndarray:
        """The ``count + 1`` edges."""
        return np.linspace(self.low, self.high, self.count + 1)


@dataclass(frozen=True)
class Counts1d:
    """Counts of one histogram, nothing clipped: ``under + counts.sum() + over`` is the total.

    Attributes:
        counts: int64, shape [bins.count].
        under: Elements below ``bins.low``.
        over: Elements at or above ``bins.high``.
        zeros: Elements that are exactly zero (they are also counted in their bin).
        nonfinite: Elements that are NaN or ±Inf (counted nowhere else).
    """

    counts: np.ndarray
    under: int
    over: int
    zeros: int
    nonfinite: int = 0

    def __add__(self, other: Counts1d) -> Counts1d:
        """Counts of the elements of both; the bins are the same."""
        return Counts1d(
            self.counts + other.counts,
            self.under + other.under,
            self.over + other.over,
            self.zeros + other.zeros,
            self.nonfinite + other.nonfinite,
        )


@dataclass(frozen=True)
class Histogram1d:
    """A histogram for the network and one for each named parameter, over the same bins."""

    bins: Bins
    network: Counts1d
    layers: tuple[Counts1d | None, ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Histogram2d:
    """A joint histogram of (parameter, individual gradient element) pairs.

    Counts have shape [x.count + 2, y.count + 2]: the first and last row (column) hold what lies
    below and above the range, so that the marginals are sums over an axis and nothing is clipped.

    Attributes:
        x: Bins of the parameter values θ_j.
        y: Bins of the individual gradient elements g_nj.
        network: int64 counts, shape [x.count + 2, y.count + 2].
        layers: One such array per named parameter; ``None`` where absent.
        notes: As in :class:`Scalar`.
    """

    x: Bins
    y: Bins
    network: np.ndarray
    layers: tuple[np.ndarray | None, ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """What was seen of a step by itself: of its batch, the model, the optimizer.

    Attributes:
        facts: Numbers, words, flags, or short lists of them, by dotted name, e.g.
            ``{"inputs.nonfinite": 0, "model.training": True}``. JSON-able; NaN and ±Inf stay
            numbers here.
        notes: As in :class:`Scalar`.
    """

    facts: dict[str, Any]
    notes: dict[str, Any] = field(default_factory=dict)


Value = Scalar | PerLayer | Arrays | Histogram1d | Histogram2d | Facts


@dataclass(frozen=True)
class Layer:
    """One named parameter of the model, as the header lists it.

    Attributes:
        name: As in ``model.named_parameters()``.
        shape: Its shape.
        module: Name of the module that owns it.
        module_type: Class name of that module, e.g. ``Conv2d``.
        trainable: Whether it required a gradient when the run began.
    """

    name: str
    shape: tuple[int, ...]
    module: str
    module_type: str
    trainable: bool = True

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))
