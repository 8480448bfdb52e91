"""Tensors in facts become numbers, words stay words, what can't be had is left out."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from cockpit.backward.facts.fetch import Then, fetched


def repr_without_places(value: Any) -> str:
    """The same in each process: workers compare the names of their tests."""
    return type(value).__name__ if isinstance(value, Then) else repr(value)


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        ("word", "word"),
        (True, True),
        (3, 3),
        (0.123456789, 0.1234568),
        ([1, 0.123456789, "a"], [1, 0.1234568, "a"]),
        (math.nan, math.nan),  # a number that somebody has computed
        (torch.tensor(True), True),
        (torch.tensor(2**40), 2**40),
        (torch.tensor(0.5, dtype=torch.float16), 0.5),
        (-math.inf, -math.inf),
        (torch.tensor([1, 2]), [1, 2]),
        (torch.tensor([0.5, math.nan]), [0.5, math.nan]),
        (Then([torch.tensor(2), torch.tensor([3, 4])], lambda a, b: [a, *b]), [2, 3, 4]),
        (Then([], lambda: 7), 7),
    ],
    ids=repr_without_places,
)
def test_facts_become_numbers(fact: Any, expected: Any) -> None:
    (found,) = fetched({"it": fact}).values()
    assert found == pytest.approx(expected, nan_ok=True) if expected != "word" else found == fact
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "fact",
    [None, torch.tensor(math.nan), torch.tensor(-math.inf), Then([torch.ones(())], lambda x: None)],
    ids=repr_without_places,
)
def test_what_cannot_be_had_is_left_out(fact: Any) -> None:
    assert fetched({"before": 1, "it": fact, "after": torch.tensor(2)}) == {"before": 1, "after": 2}
