"""What a course remembers of exact facts, and what is known of its batches and optimizer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cockpit.lamps.course import MEMORY, Course
from cockpit.lamps.network import network

__all__ = [
    "MOST_NAMES",
    "TOO_LONG",
    "are_moved",
    "first_fact",
    "has_grown",
    "is_adaptive",
    "is_half",
    "is_integer",
    "is_mask",
    "last_facts",
    "normalizes",
    "samples",
    "shape_of",
]

TOO_LONG = (
    "diverged",
    "edge_of_stability",
    "exploding_gradients",
    "learning_rate_too_large",
    "no_warm_up",
    "oscillation",
    "update_ratio",
)
"""Lamps that show steps that are too long, whatever made them so: for ``inhibits``."""

MOST_NAMES = 20
"""So many names a list of facts has at most; there may be more, then."""

RECENT = 4  # tracked losses
MOVES = 8  # tracked steps
GROWN = 3.0  # times the first loss: what is wrong beyond that is a consequence
ADAPTIVE = ("ada", "lamb", "lion", "muon", "prodigy", "prop", "sophia")


def first_fact(course: Course, name: str, default: Any = None) -> Any:
    """A fact of the first tracked step that has it.

    Args:
        course: The run so far.
        name: Its dotted name.
        default: Where none of the first steps has it.
    """
    found = (step.facts[name] for step in course.first if name in step.facts)
    return next(found, default)


def last_facts(course: Course, name: str, count: int) -> list[Any]:
    """The last values of a fact, oldest first; fewer if there are fewer.

    Args:
        course: The run so far.
        name: Its dotted name.
        count: Of how many of the last tracked steps; those without it are left out.
    """
    recent = list(course.steps)[-count:]
    return [step.facts[name] for step in recent if name in step.facts]


def samples(course: Course) -> int:
    """Samples that the facts of the last tracked batch are about; 0 if unknown.

    Of several micro-batches it is the first one.
    """
    return next(iter(shape_of(course, "inputs")), course.now.batch_size or 0)


def shape_of(course: Course, what: str) -> tuple[int, ...]:
    """Shape of the last tracked ``inputs``, ``outputs`` or ``targets``; () if unknown."""
    return tuple(course.fact(f"{what}.shape") or ())


def has_grown(course: Course) -> bool:
    """Whether one of the last finite losses is far above the first: the run diverges, or has."""
    first = next((s.values["Loss"] for s in course.first if "Loss" in s.values), math.nan)
    losses = course.last("Loss", MEMORY)
    return bool(first > 0 and (losses[np.isfinite(losses)][-RECENT:] > GROWN * first).any())


def is_adaptive(course: Course) -> bool:
    """Whether the optimizer divides the gradient by its own size: a factor in it changes nothing.

    All optimizers do, if there are several.
    """
    names = [name.strip().lower() for name in course.optimizer.split(",")]
    return all(any(word in name for word in ADAPTIVE) for name in names)


def is_half(dtype: Any) -> bool:
    """Whether numbers of this type end at 6e-8: float16, and not bfloat16."""
    word = str(dtype).rpartition(".")[2]
    return word in ("float16", "half")


def is_integer(dtype: Any) -> bool:
    """Whether a type has whole numbers only; bool is none of them."""
    word = str(dtype).rpartition(".")[2]
    return word.startswith(("int", "uint", "long", "short"))


def is_mask(course: Course) -> bool:
    """Whether the first tensor that the model was given has flags only, as an attention mask."""
    dtype = course.fact("inputs.dtype")
    low, high = course.fact("inputs.min"), course.fact("inputs.max")
    if dtype == "bool":
        return True
    return is_integer(dtype) and low is not None and 0 <= low <= high <= 1


def are_moved(course: Course, names: Sequence[str]) -> bool:
    """Whether most of these parameters were changed by one of the last steps, whoever did it."""
    wanted = {*names}
    places = [place for place, name in enumerate(course.layer_names) if name in wanted]
    rows = [s.layers["UpdateSize"] for s in list(course.steps)[-MOVES:] if "UpdateSize" in s.layers]
    return any(
        sum(place < len(row) and row[place] > 0 for place in places) > len(places) / 2
        for row in rows
    )


def normalizes(course: Course) -> bool:
    """Whether the model takes out scale and offset of its inputs itself.

    It does with BatchNorm, or if its first parameters are those of a norm.
    """
    return network(course).begins_with_norm or bool(course.fact("model.modules_bn"))
