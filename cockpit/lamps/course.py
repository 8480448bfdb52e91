"""What a lamp sees of a run: its tracked steps so far, the last of them in full."""

from __future__ import annotations

import functools
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import numpy as np

from cockpit.log.record import Facts, PerLayer, Scalar, Value

__all__ = ["FIRST", "MEMORY", "Course", "Extremes", "StepView", "once_a_run", "once_a_step"]

MEMORY = 256  # tracked steps that are kept, and numbers of the training loop under each name
FIRST = 8  # of the first ones

T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True)
class StepView:
    """A tracked step, as the log has it.

    Attributes:
        step: Its number.
        time: Seconds since the run began.
        batch_size: N.
        lr: One learning rate for each parameter group.
        values: Network-wide numbers by quantity; those that are no numbers are NaN or ±Inf.
        layers: Numbers of layers by quantity, in the order of the header; NaN where there is none.
        notes: What is said beside a value, by quantity.
        facts: Exact facts by dotted name, e.g. ``inputs.nonfinite``.
        seconds: Of the step without tracking; NaN if unknown.
    """

    step: int
    time: float = math.nan
    batch_size: int | None = None
    lr: tuple[float, ...] = ()
    values: Mapping[str, float] = field(default_factory=dict)
    layers: Mapping[str, np.ndarray] = field(default_factory=dict)
    notes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = math.nan

    @functools.cached_property
    def units(self) -> dict[str, dict[str, float]]:
        """Shares of units, ``dead`` or ``saturated``, by module."""
        found: dict[str, dict[str, float]] = {}
        for name, share in self.facts.items():
            if name.startswith("units."):
                module, _, what = name.removeprefix("units.").rpartition(".")
                found.setdefault(what, {})[module] = float(share)
        return found

    @classmethod
    def of(cls, step: int, values: Mapping[str, Value], **beside: Any) -> StepView:
        """From the typed values of a record.

        Args:
            step: Its number.
            values: By quantity.
            beside: Further attributes of the step.
        """
        numbers = {n: v.value for n, v in values.items() if isinstance(v, Scalar | PerLayer)}
        layers = {n: _array(v.layers) for n, v in values.items() if isinstance(v, PerLayer)}
        notes = {n: v.notes for n, v in values.items() if getattr(v, "notes", None)}
        facts: dict[str, Any] = {}
        for value in values.values():
            if isinstance(value, Facts):
                facts |= value.facts
        return cls(step=step, values=numbers, layers=layers, notes=notes, facts=facts, **beside)


Pair = tuple[int, float]  # step and number


@dataclass(frozen=True)
class Extremes:
    """What is remembered of all finite numbers that the training loop logged under a name.

    Attributes:
        first: The first one, with its step.
        lowest: The smallest one, likewise; of equal ones the first.
        highest: The largest one.
    """

    first: Pair
    lowest: Pair
    highest: Pair

    def and_also(self, pair: Pair) -> Extremes:
        """The same with a further number."""
        low = pair if pair[1] < self.lowest[1] else self.lowest
        return Extremes(self.first, low, pair if pair[1] > self.highest[1] else self.highest)


class Course:
    """A run up to its last tracked step.

    Args:
        header: Of the log (``docs/log.md``).

    Attributes:
        header: The same.
        steps: The last tracked steps, the newest last; at most :data:`MEMORY`.
        first: The first tracked steps, at most 8.
        count: How many there were.
        user: What the training loop logged: the last (step, number) pairs by name, at most
            :data:`MEMORY` of each, and of as many names.
        extremes: Of all that it logged, by name; of names with a finite number.
    """

    def __init__(self, header: Mapping[str, Any]) -> None:
        self.header = header
        self.steps: deque[StepView] = deque(maxlen=MEMORY)
        self.first: list[StepView] = []
        self.count = 0
        self.user: dict[str, list[Pair]] = {}
        self.extremes: dict[str, Extremes] = {}
        self._seen: set[str] = set()
        self._of_step: dict[Any, Any] = {}  # what was computed since anything was new
        self._of_run: dict[Any, Any] = {}  # and of the header alone

    def take(self, view: StepView) -> None:
        """A further tracked step."""
        self._of_step.clear()
        self.steps.append(view)
        if len(self.first) < FIRST:
            self.first.append(view)
        self.count += 1
        self._seen.update(view.values, view.facts)

    def pass_over(self, names: Iterable[str]) -> None:
        """A further tracked step that is too long ago to be kept.

        Args:
            names: Of its values and facts.
        """
        self._of_step.clear()
        self.count += 1
        self._seen.update(names)

    def take_user(self, step: int, values: Mapping[str, Any]) -> None:
        """What the training loop logged at a step."""
        self._of_step.clear()
        for name, value in values.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                self._take_number(name, (step, float(value)))

    def _take_number(self, name: str, pair: Pair) -> None:
        if name not in self.user and len(self.user) >= MEMORY:
            return  # a loop that makes up ever new names
        pairs = self.user.setdefault(name, [])
        pairs.append(pair)
        del pairs[:-MEMORY]
        if math.isfinite(pair[1]):
            known = self.extremes.get(name)
            self.extremes[name] = known.and_also(pair) if known else Extremes(pair, pair, pair)

    def resumed(self, header: Mapping[str, Any]) -> Course:
        """The same course, of a further attempt; an empty one if its model has other layers.

        Args:
            header: Of that attempt.
        """
        later = Course(header)
        if later.layer_names == self.layer_names:
            later.steps.extend(self.steps)
            later.first = [*self.first]
            later.count = self.count
            later.user = {name: [*pairs] for name, pairs in self.user.items()}
            later.extremes = {**self.extremes}
            later._seen = {*self._seen}
        return later

    @property
    def now(self) -> StepView:
        """The last tracked step."""
        return self.steps[-1]

    @functools.cached_property
    def layer_names(self) -> tuple[str, ...]:
        """Names of all parameters, in the order of :attr:`StepView.layers`."""
        return tuple(str(layer.get("name", "")) for layer in self.header.get("layers", ()))

    @property
    def planned_steps(self) -> int | None:
        """How many steps the run shall have, if it was said."""
        planned = self.header.get("planned_steps")
        return planned if isinstance(planned, int) and planned > 0 else None

    @property
    def optimizer(self) -> str:
        """Class name of the optimizer; empty if unknown."""
        return str((self.header.get("optimizer") or {}).get("name") or "")

    @property
    def groups(self) -> Sequence[Mapping[str, Any]]:
        """Settings of the optimizer's parameter groups when the run began."""
        return (self.header.get("optimizer") or {}).get("groups") or ()

    def seen(self, name: str) -> bool:
        """Whether there was any value of a quantity, or any fact of this dotted name."""
        return name in self._seen

    def last(self, name: str, count: int) -> np.ndarray:
        """The last values of a quantity, oldest first; fewer if there are fewer.

        Values that are not finite are among them.
        """
        found = (s.values[name] for s in reversed(self.steps) if name in s.values)
        return np.array(list(itertools.islice(found, count))[::-1], dtype=float)

    def fact(self, name: str, default: Any = None) -> Any:
        """A fact of the last tracked step; ``default`` if it has none of this name."""
        return self.now.facts.get(name, default)

    def first_fact(self, name: str, default: Any = None) -> Any:
        """A fact of the first tracked step that has it; ``default`` if none of the first has."""
        return next((step.facts[name] for step in self.first if name in step.facts), default)

    def last_facts(self, name: str, count: int) -> list[Any]:
        """The values of a fact at the last tracked steps, oldest first.

        Args:
            name: Its dotted name.
            count: Of how many steps; those without it are left out.
        """
        recent = list(self.steps)[-count:]
        return [step.facts[name] for step in recent if name in step.facts]

    def shape_of(self, what: str) -> tuple[int, ...]:
        """Shape of the last tracked ``inputs``, ``outputs`` or ``targets``; () if unknown."""
        return tuple(self.fact(f"{what}.shape") or ())

    @property
    def samples(self) -> int:
        """Samples that the facts of the last tracked batch are about; 0 if unknown.

        Of several micro-batches it is the first one.
        """
        return next(iter(self.shape_of("inputs")), self.now.batch_size or 0)


def once_a_step(
    measure: Callable[Concatenate[Course, P], T],
) -> Callable[Concatenate[Course, P], T]:
    """Make several lamps that ask for the same at the same step share its computation."""

    @functools.wraps(measure)
    def remembered(course: Course, /, *args: P.args, **kwargs: P.kwargs) -> T:
        key, memory = (measure, args, *kwargs.items()), course._of_step
        if key not in memory:
            memory[key] = measure(course, *args, **kwargs)
        return cast(T, memory[key])

    return remembered


def once_a_run(measure: Callable[[Course], T]) -> Callable[[Course], T]:
    """The same for what the header alone says: it stays as it is."""

    @functools.wraps(measure)
    def remembered(course: Course, /) -> T:
        if measure not in course._of_run:
            course._of_run[measure] = measure(course)
        return cast(T, course._of_run[measure])

    return remembered


def _array(values: Iterable[float | None]) -> np.ndarray:
    return np.array([math.nan if v is None else v for v in values], dtype=float)
