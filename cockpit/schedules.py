"""When to track: functions from the step number to yes or no.

A schedule is any callable ``int -> bool``. Those made here also print as what they are
(the log's header names them) and can be combined with ``|``, ``&`` and ``~``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Schedule", "always", "as_schedule", "linear", "logarithmic", "never"]


@dataclass(frozen=True)
class Schedule:
    """A named, combinable ``int -> bool``.

    Args:
        rule: Says whether a step is tracked.
        name: How the log's header calls it.
    """

    rule: Callable[[int], bool]
    name: str

    def __call__(self, step: int) -> bool:
        """Whether the step is tracked."""
        return bool(self.rule(step))

    def __or__(self, other: Callable[[int], bool]) -> Schedule:
        other = as_schedule(other)
        return Schedule(lambda step: self(step) or other(step), f"({self.name} | {other.name})")

    def __and__(self, other: Callable[[int], bool]) -> Schedule:
        other = as_schedule(other)
        return Schedule(lambda step: self(step) and other(step), f"({self.name} & {other.name})")

    def __invert__(self) -> Schedule:
        return Schedule(lambda step: not self(step), f"~{self.name}")

    def __str__(self) -> str:
        return self.name


def linear(interval: int = 1, offset: int = 0) -> Schedule:
    """Every ``interval``-th step, beginning with ``offset``.

    Args:
        interval: Distance of tracked steps, at least 1.
        offset: First tracked step.

    Raises:
        ValueError: If ``interval`` is below 1 or ``offset`` below 0.
    """
    if interval < 1 or offset < 0:
        raise ValueError(
            f"linear() needs interval >= 1 and offset >= 0; got {interval} and {offset}."
        )
    name = f"linear({interval})" if offset == 0 else f"linear({interval}, offset={offset})"
    return Schedule(lambda step: step >= offset and (step - offset) % interval == 0, name)


def logarithmic(start: float = 0, end: float = 6, points: int = 200, base: float = 10) -> Schedule:
    """``points`` steps spaced evenly in log(step) from base**start to base**end, and step 0.

    Dense early, where training changes fastest, and sparse later (thesis, section 7.4).

    Args:
        start: Exponent of the first step.
        end: Exponent of the last step; none is tracked after it.
        points: How many points are spread; those that round to the same step count once.
        base: Base of the exponents, above 1.

    Raises:
        ValueError: If the exponents are out of order, or ``points`` or ``base`` too small.
    """
    if not (0 <= start < end and points >= 2 and base > 1):
        raise ValueError(
            "logarithmic() needs 0 <= start < end, points >= 2 and base > 1; got "
            f"start={start}, end={end}, points={points}, base={base}."
        )
    width = (end - start) / (points - 1)
    steps = frozenset({0, *(round(base ** (start + i * width)) for i in range(points))})
    name = f"logarithmic(start={start}, end={end}, points={points}, base={base})"
    return Schedule(steps.__contains__, name)


always = Schedule(lambda step: True, "always")
never = Schedule(lambda step: False, "never")


def as_schedule(rule: Schedule | Callable[[int], bool] | int) -> Schedule:
    """A schedule from a schedule, any ``int -> bool``, or an interval.

    Raises:
        TypeError: If ``rule`` is none of these.
    """
    if isinstance(rule, Schedule):
        return rule
    if isinstance(rule, int) and not isinstance(rule, bool):
        return linear(rule)
    if callable(rule):
        return Schedule(rule, getattr(rule, "__name__", type(rule).__name__))
    raise TypeError(
        "A schedule is made by linear(), logarithmic(), or is any function from the step number "
        f"to bool, or an interval as int; got {rule!r}."
    )
