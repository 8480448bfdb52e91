"""Facts of targets: by hand, and against plain loops."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from cockpit.backward.facts.targets import Targets
from tests.backward.facts.comparison import WAYS, assert_close, seen, take
from tests.references import facts as naive

GENERATOR = torch.Generator()
TARGETS: dict[str, Callable[[], Tensor]] = {
    "classes": lambda: torch.randint(0, 7, (30,), generator=GENERATOR.manual_seed(0)),
    "classes of pixels": lambda: torch.randint(0, 4, (3, 5, 5), generator=GENERATOR.manual_seed(1)),
    "ignored ones": lambda: torch.tensor([0, 2, -100, 2, -100]),
    "only ignored ones": lambda: torch.tensor([-100, -100]),
    "999": lambda: torch.tensor([999, 0, 999]),
    "1000": lambda: torch.tensor([1000, 0]),
    "bytes": lambda: torch.tensor([3, 1, 1], dtype=torch.uint8),
    "numbers": lambda: torch.randn(9, 2, generator=GENERATOR.manual_seed(2)),
    "one number each": lambda: torch.randn(9, generator=GENERATOR.manual_seed(3)),
    "double precision": lambda: torch.randn(4, 2).double(),
    "equal numbers": lambda: torch.full((4, 2), 0.3),
    "not finite": lambda: torch.tensor([[1.0, math.nan], [2.0, 4.0], [math.inf, 8.0]]),
    "one sample": lambda: torch.tensor([[1.0, 2.0]]),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", TARGETS)
def test_targets_are_as_in_plain_loops(
    name: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(way, monkeypatch)
    target = TARGETS[name]()
    found = seen(Targets(), target=target)
    assert found.pop("targets.dtype") == str(target.dtype).removeprefix("torch.")
    assert found.pop("targets.shape") == list(target.shape)
    assert_close(found, naive.targets_facts(target))


def test_numbers_by_hand() -> None:
    assert seen(Targets(), target=torch.tensor([2, 0, 2, -100])) == {
        "targets.dtype": "int64",
        "targets.shape": [4],
        "targets.nonfinite": 0,
        "targets.min": -100,
        "targets.max": 2,
        "targets.counts": [1, 0, 2],
    }
    assert seen(Targets(), target=torch.tensor([[1.0, 5.0], [3.0, 5.0]])) == {
        "targets.dtype": "float32",
        "targets.shape": [2, 2],
        "targets.nonfinite": 0,
        "targets.min": 1.0,
        "targets.max": 5.0,
        "targets.mean": 3.5,
        "targets.std": 1.658312,  # √(11 / 4)
        "targets.variance": 0.5,  # of 1 and of 0
    }


def test_flags_are_two_classes() -> None:
    found = seen(Targets(), target=torch.tensor([True, False, True]))
    assert (found["targets.dtype"], found["targets.counts"]) == ("bool", [1, 2])


@pytest.mark.parametrize("target", [None, "word", (torch.ones(2),), [1, 2]], ids=repr)
def test_what_is_no_tensor_has_no_facts(target: Any) -> None:
    assert seen(Targets(), target=target) == {}


@pytest.mark.parametrize(
    ("target", "facts"),
    [
        (torch.empty(0, dtype=torch.long), ["targets.dtype", "targets.shape"]),
        (torch.ones(2, dtype=torch.complex64), ["targets.dtype", "targets.shape"]),
        (torch.tensor(3), ["targets.dtype", "targets.shape", "targets.nonfinite",
                           "targets.min", "targets.max", "targets.counts"]),
        (torch.tensor(3.0), ["targets.dtype", "targets.shape", "targets.nonfinite",
                             "targets.min", "targets.max", "targets.mean", "targets.std"]),
    ],
    ids=["empty", "complex", "one integer", "one number"],
)  # fmt: skip
def test_odd_targets(target: Tensor, facts: list[str]) -> None:
    assert list(seen(Targets(), target=target)) == facts
