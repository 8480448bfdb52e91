"""A made-up training: the values of its quantities at any step, and the head of its log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from zlib import crc32

import numpy as np

from cockpit.log.record import Layer, PerLayer, Scalar, Value
from cockpit.synthetic.course import Course
from cockpit.synthetic.quantities import QUANTITIES, UNSHOWN, Recipe
from cockpit.synthetic.stretch import Column, Stretch

START = 1_763_790_000.0  # unix time of the first header
BLOCK = 512  # steps whose random numbers are drawn together


class Training:
    """Made-up values; each depends on course, layers, step, name and interval only.

    Args:
        course: How it goes.
        layers: The model's named parameters.
        names: Of the quantities, all nineteen if None.
        every: Intervals of quantities, in steps, where they are not those of the table.

    Raises:
        KeyError: If a quantity has no recipe.
    """

    def __init__(
        self,
        course: Course,
        layers: tuple[Layer, ...],
        names: Iterable[str] | None = None,
        every: Mapping[str, int] | None = None,
    ) -> None:
        self.course = course
        self.layers = layers
        chosen = QUANTITIES if names is None else tuple(names)
        known = {**QUANTITIES, **UNSHOWN}
        self.recipes: dict[str, Recipe] = {name: known[name] for name in chosen}
        given = every or {}
        self.every = {name: given.get(name, r.interval) for name, r in self.recipes.items()}
        self._last: tuple[int, dict[str, tuple[np.ndarray, Column]]] = (-1, {})

    def columns(self, block: int) -> dict[str, tuple[np.ndarray, Column]]:
        """Due steps and numbers of each scalar and per-layer quantity in a block of steps."""
        if self._last[0] != block:
            found = {}
            for name, recipe in self.recipes.items():
                if recipe.column is not None:
                    stretch = self._stretch(name, block * BLOCK, (block + 1) * BLOCK, block)
                    with np.errstate(invalid="ignore", over="ignore"):
                        found[name] = (stretch.steps, recipe.column(stretch))
            self._last = (block, found)
        return self._last[1]

    def stored(self, step: int) -> dict[str, Value]:
        """The histograms and arrays that are due at a step."""
        return {
            name: recipe.value(self._stretch(name, step, step + 1, step))
            for name, recipe in self.recipes.items()
            if recipe.value is not None and step % self.every[name] == 0
        }

    def values(self, step: int) -> dict[str, Value]:
        """All values that are due at a step."""
        values = self.stored(step)
        for name, (steps, column) in self.columns(step // BLOCK).items():
            if step % self.every[name] == 0:
                values[name] = _value(column, int(np.searchsorted(steps, step)))
        return {name: values[name] for name in self.recipes if name in values}

    def header(self, time: float = START) -> dict[str, Any]:
        """What the header of the log says.

        Args:
            time: Unix time.
        """
        quantities = {
            name: {
                "kind": recipe.kind,
                "tier": recipe.tier,
                "schedule": f"linear({self.every[name]})",
                "parameters": {},
            }
            for name, recipe in self.recipes.items()
        }
        return {
            "time": time,
            "config": {"name": "full"},
            "environment": {
                "python": "3.11.2", "torch": "2.13.0", "cockpit": "0.1.0", "device": "cpu",
            },
            "reduction": "mean",
            "optimizer": {"name": "SGD", "groups": [{"lr": self.course.lr, "momentum": 0.9}]},
            "quantities": quantities,
            "layers": self.layers,
            **({"lamps": True} if "Facts" in self.recipes else {}),
        }  # fmt: skip

    def _stretch(self, name: str, start: int, end: int, part: int) -> Stretch:
        """The due steps from ``start`` to below ``end``, with random numbers of their own."""
        interval = self.every[name]
        steps = np.arange(-(-start // interval) * interval, end, interval)
        rng = np.random.default_rng((self.course.seed, part, crc32(name.encode())))
        return Stretch(steps, self.course, self.layers, rng)


def _value(column: Column, row: int) -> Value:
    number, notes = float(column.values[row]), dict(column.notes_at(row))
    if column.layers is None:
        return Scalar(number, notes)
    return PerLayer(number, tuple(column.layers[row].tolist()), notes)
