"""Runs whose every number is given by hand, and a board that has seen them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from cockpit.lamps import Board, Episode, StepView, get

Series = float | str | list[Any] | Callable[[int], Any]

HEADER = {
    "planned_steps": 400,
    "optimizer": {"name": "SGD", "groups": [{"lr": 0.1, "momentum": 0.0, "weight_decay": 0.0}]},
    "layers": [
        {"name": f"{i}.{kind}", "shape": shape, "module": str(i), "module_type": "Linear"}
        for i in range(6)
        for kind, shape in (("weight", [20, 20]), ("bias", [20]))
    ],
}


def views(
    values: Mapping[str, Series],
    facts: Mapping[str, Series] | None = None,
    *,
    layers: Mapping[str, Callable[[int], Sequence[float]]] | None = None,
    notes: Mapping[str, Mapping[str, Any]] | None = None,
    count: int = 48,
    every: int = 1,
    lr: Series = 0.1,
    batch_size: int = 64,
) -> list[StepView]:
    """Tracked steps; each series is one number for all, a list, or a function of the position.

    Args:
        values: Of the network, by quantity.
        facts: By dotted name.
        layers: Of the layers, by quantity.
        notes: By quantity, at all steps.
        count: How many tracked steps.
        every: Their distance.
        lr: Learning rate.
        batch_size: N.
    """
    return [
        StepView(
            step=i * every,
            batch_size=batch_size,
            lr=(_at(lr, i),),
            values={n: _at(s, i) for n, s in values.items() if _at(s, i) is not None},
            layers={n: np.array(s(i), dtype=float) for n, s in (layers or {}).items()},
            notes=notes or {},
            facts={n: _at(s, i) for n, s in (facts or {}).items() if _at(s, i) is not None},
        )
        for i in range(count)
    ]


def board_of(
    names: str | Sequence[str],
    steps: Sequence[StepView],
    header: Mapping[str, Any] | None = None,
    user: Mapping[str, Mapping[int, float]] | None = None,
) -> Board:
    """A board with these lamps only, after these steps.

    Args:
        names: Of one lamp, or several.
        steps: The tracked steps.
        header: Replaces entries of :data:`HEADER`.
        user: What the training loop logged, number by step, by name.
    """
    lamps = [get(name) for name in ([names] if isinstance(names, str) else names)]
    board = Board({**HEADER, **(header or {})}, lamps=lamps)
    for view in steps:
        for name, numbers in (user or {}).items():
            if view.step in numbers:
                board.take_user(view.step, {name: numbers[view.step]})
        board.take(view)
    return board


def shone(board: Board) -> list[Episode]:
    """All episodes, over or not."""
    return [*board.past, *board.lit]


def only(board: Board) -> Episode:
    """The one lamp that is lit."""
    (episode,) = board.lit
    return episode


def _at(series: Series, i: int) -> Any:
    if isinstance(series, list):
        return series[i] if i < len(series) else None
    return series(i) if callable(series) else series
