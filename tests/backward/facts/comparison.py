"""Facts beside those of the plain loops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from torch import Tensor

from cockpit.backward.facts import Group, Seen
from cockpit.backward.facts.fetch import fetched

__all__ = ["assert_close", "seen"]


class Nothing:
    """Stands for a model where none is looked at."""


def assert_close(found: Mapping[str, Any], expected: Mapping[str, Any], rel: float = 1e-5) -> None:
    """The same facts, of the same kinds, numbers up to rounding."""
    ready = fetched(found)
    assert ready.keys() == expected.keys()
    for name, fact in expected.items():
        assert ready[name] == pytest.approx(fact, rel=rel, abs=1e-6), name
        if isinstance(fact, bool | int):
            assert type(ready[name]) is type(fact), name


def seen(group: Group, **known: Any) -> dict[str, Any]:
    """What a group finds before a backward pass of which this is known."""
    given = {"model": Nothing(), "parameters": {}, "batch_size": _size(known), **known}
    return fetched(group.before_backward(Seen(**given)))


def _size(known: Mapping[str, Any]) -> int:
    x = known.get("inputs")
    return len(x) if isinstance(x, Tensor) and x.dim() else 1
