"""Test problems: data, network and loss in one small file each (``pNN_name.py``)."""

from __future__ import annotations

import importlib
import pkgutil
import re

from cockpit.problems.problem import (
    Problem,
    Score,
    accuracy,
    evaluate,
    evaluate_all,
    parameter_groups,
)

__all__ = [
    "Problem",
    "Score",
    "accuracy",
    "all_problems",
    "evaluate",
    "evaluate_all",
    "get",
    "parameter_groups",
]


def all_problems() -> tuple[Problem, ...]:
    """All declared problems, in the thesis's order."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    declared = sorted(name for name in names if re.match(r"p\d\d_", name))
    return tuple(importlib.import_module(f"{__name__}.{name}").PROBLEM for name in declared)


def get(name: str) -> Problem:
    """The problem with this key or name, e.g. ``P3`` or ``2c2d``; case does not matter.

    Raises:
        ValueError: If there is none; names those there are.
    """
    for problem in all_problems():
        if name.lower() in (problem.key.lower(), problem.name.lower()):
            return problem
    known = ", ".join(f"{problem.key} ({problem.name})" for problem in all_problems())
    raise ValueError(f"got problem {name!r}, expected one of {known}")
