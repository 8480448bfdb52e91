"""What every quantity is: requests to the backward pass, and a computation on its answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Literal

from torch import Tensor

from cockpit.backward.statistics import Statistic
from cockpit.backward.stats import Absent, BackwardStats
from cockpit.log.record import PerLayer, Scalar, Value
from cockpit.schedules import Schedule, always, as_schedule
from cockpit.step import StepInfo

__all__ = ["TIERS", "Absent", "Quantity", "Tier", "per_layer", "scalar"]

Tier = Literal["economy", "business", "full"]
TIERS: tuple[Tier, ...] = ("economy", "business", "full")


class Quantity(ABC):
    """One thing that is tracked. A new one is a subclass with ``compute``, in a file of its own.

    Args:
        schedule: When to track: a schedule, any ``int -> bool``, or an interval. ``None``: when
            the configuration says.

    Attributes:
        tier: The cheapest configuration that includes it; ``None``: only on request.
        kind: Which :mod:`cockpit.log.record` value it yields.
        follows_up: Whether the value of step t is known only after the backward pass of t + 1.
    """

    tier: ClassVar[Tier | None] = None
    kind: ClassVar[
        Literal["scalar", "per_layer", "histogram1d", "histogram2d", "arrays", "facts"]
    ] = "scalar"
    follows_up: ClassVar[bool] = False

    def __init__(self, schedule: Schedule | Callable[[int], bool] | int | None = None) -> None:
        self.schedule = None if schedule is None else as_schedule(schedule)

    @property
    def name(self) -> str:
        """How log, page and plots call it."""
        return type(self).__name__

    def due(self, step: int) -> bool:
        """Whether it is tracked at this step."""
        return (self.schedule or always)(step)

    def requires(self) -> frozenset[Statistic]:
        """What the backward pass of a tracked step must yield; the same at all steps."""
        return frozenset()

    def requires_next(self) -> frozenset[Statistic]:
        """What the backward pass of the step after must yield (``follows_up`` only)."""
        return frozenset()

    def parameters(self) -> dict[str, Any]:
        """Its settings, for the log's header. JSON-able."""
        return {}

    @abstractmethod
    def compute(self, info: StepInfo, stats: BackwardStats) -> Value | None:
        """The value at this step; ``None`` only where ``follows_up`` says that it comes later.

        Raises:
            Absent: If there is none at this step, with the reason.
        """

    def complete(self, info: StepInfo, stats: BackwardStats) -> Value:
        """The value of the step before, now that this one is known (``follows_up`` only)."""
        raise NotImplementedError(f"{self.name} has follows_up = True but no complete().")


def scalar(value: Tensor | float, **notes: Any) -> Scalar:
    """A network-wide value; notes that are ``None`` are left out."""
    return Scalar(float(value), {k: v for k, v in notes.items() if v is not None})


def per_layer(
    info: StepInfo, network: Tensor | float, names: Iterable[str], values: Tensor, **notes: Any
) -> PerLayer:
    """A value for the network and each layer, in the order of the log's header.

    Args:
        info: The step.
        network: The network-wide value.
        names: Names of parameters; one that isn't there has no value.
        values: Their values, shape [P].
        notes: Added to the value, unless ``None``.
    """
    found = dict(zip(names, values.tolist(), strict=True))
    return PerLayer(
        float(network),
        tuple(found.get(name) for name in info.layers),
        {k: v for k, v in notes.items() if v is not None},
    )
