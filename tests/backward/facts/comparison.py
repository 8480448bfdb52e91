"""Facts beside those of the plain loops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from torch import Tensor

from cockpit.backward.facts import Group, Seen, moments, scan
from cockpit.backward.facts.fetch import fetched

__all__ = ["WAYS", "assert_close", "seen", "take"]

WAYS = ("compiled", "plain torch", "in pieces", "another device")


def take(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute in one of the ways that have to give the same numbers."""
    if way != "compiled":
        monkeypatch.setattr(scan, "serves", lambda x: False)
    if way == "in pieces":
        monkeypatch.setitem(moments.PIECE, "cpu", 6)
    if way == "another device":  # of which one does not ask before all is done
        monkeypatch.setattr(Tensor, "is_cpu", False, raising=False)


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
