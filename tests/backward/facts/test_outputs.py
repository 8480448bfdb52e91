"""Facts of outputs: by hand, and against plain loops."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from cockpit.backward.facts.outputs import Outputs
from tests.backward.facts.comparison import WAYS, assert_close, seen, take
from tests.references import facts as naive


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


OUTPUTS: dict[str, Callable[[], Tensor]] = {
    "scores": lambda: draw(8, 5),
    "double precision": lambda: draw(8, 5).double(),
    "pixels": lambda: draw(3, 4, 5, 5),
    "one number each": lambda: draw(8),
    "one column": lambda: draw(8, 1),
    "probabilities": lambda: draw(8, 5).softmax(1),
    "probabilities of pixels": lambda: draw(3, 4, 5, 5).softmax(1),
    "probabilities along another axis": lambda: draw(8, 5).softmax(0),
    "rectified": lambda: draw(8, 5).relu(),
    "clamped": lambda: draw(8, 5).clamp(-0.5, 0.5),
    "clamped below": lambda: draw(8, 5).clamp_min(-0.5),
    "all alike": lambda: torch.full((4, 3), 0.1),
    "the same for every sample": lambda: draw(1, 5).expand(8, 5),
    "one sample": lambda: draw(1, 5),
    "not finite": lambda: torch.tensor([[1.0, math.nan], [2.0, 4.0], [math.inf, 4.0]]),
    "probabilities, but for one": lambda: (
        draw(8, 5).softmax(1).index_fill(1, torch.tensor([2]), math.nan)
    ),
    "nothing finite": lambda: torch.full((3, 2), math.inf),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs_are_as_in_plain_loops(
    name: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(way, monkeypatch)
    x = OUTPUTS[name]()
    found = seen(Outputs(), output=x)
    assert found.pop("outputs.dtype") == str(x.dtype).removeprefix("torch.")
    assert found.pop("outputs.shape") == list(x.shape)
    assert_close(found, naive.outputs_facts(x))


def test_numbers_by_hand() -> None:
    x = torch.tensor([[0.0, 2.0], [0.0, 1.0], [1.0, 2.0], [0.5, -1.0]])
    assert seen(Outputs(), output=x) == {
        "outputs.dtype": "float32",
        "outputs.shape": [4, 2],
        "outputs.nonfinite": 0,
        "outputs.min": -1.0,
        "outputs.max": 2.0,
        "outputs.at_bound": 0.25,  # 2.0 twice; −1.0 is there once
        "outputs.zeros": 0.25,
        "outputs.sum_to_one": False,
        "outputs.spread": 0.9462545,  # √(mean of 0.172 and 1.5, over 0.934)
    }


def test_the_same_output_for_every_sample_has_no_spread_at_all() -> None:
    x = torch.tensor([[0.1, 0.7, -0.3]]).expand(7, 3)
    assert seen(Outputs(), output=x)["outputs.spread"] == 0.0


def test_probabilities_in_low_precision_still_sum_to_one() -> None:
    for dtype in (torch.float16, torch.bfloat16):
        found = seen(Outputs(), output=draw(50, 9).softmax(1).to(dtype))
        assert found["outputs.sum_to_one"] is True


def test_sums_a_little_beside_one() -> None:
    p = draw(8, 5).softmax(1)
    assert seen(Outputs(), output=1.0005 * p)["outputs.sum_to_one"] is True
    assert seen(Outputs(), output=1.002 * p)["outputs.sum_to_one"] is False
    assert seen(Outputs(), output=p - 0.2 + 0.2 * p.flip(1))["outputs.sum_to_one"] is False


@pytest.mark.parametrize(
    "odd",
    [torch.ones(3, 2, dtype=torch.complex64), torch.ones(3, dtype=torch.long), torch.empty(0, 4)],
    ids=["complex", "integer", "empty"],
)
def test_of_odd_outputs_only_kind_and_shape(odd: Tensor) -> None:
    assert list(seen(Outputs(), output=odd)) == ["outputs.dtype", "outputs.shape"]


def test_a_single_number() -> None:
    found = seen(Outputs(), output=torch.tensor(2.0))
    assert "outputs.spread" not in found
    assert found["outputs.at_bound"] == 0.0


LINEAR = nn.Linear(3, 2)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (nn.Identity(), {"operation": "Addmm"}),
        (nn.Sigmoid(), {"operation": "Sigmoid"}),
        (nn.Flatten(0), {"operation": "Addmm"}),
        (nn.Hardtanh(-2.0, 3.0),
         {"operation": "Hardtanh", "lower_bound": -2.0, "upper_bound": 3.0}),
        (lambda x: x.clamp(-0.3, 0.3).double().T,
         {"operation": "Clamp", "lower_bound": -0.3, "upper_bound": 0.3}),
        (lambda x: x.clamp(min=0), {"operation": "Clamp", "lower_bound": 0}),
        (lambda x: x.clamp(torch.tensor(-1.0), torch.tensor(1.0)), {"operation": "Clamp"}),
        (lambda x: x.detach(), {}),
    ],
)  # fmt: skip
def test_the_operation_that_made_the_outputs(
    last: Callable[[Tensor], Tensor], expected: dict[str, Any]
) -> None:
    found = seen(Outputs(), output=last(LINEAR(torch.ones(4, 3))))
    names = ("operation", "lower_bound", "upper_bound")
    assert {n: found[f"outputs.{n}"] for n in names if f"outputs.{n}" in found} == expected


def test_bounds_of_a_checkpoint_do_not_run_it_again() -> None:
    runs = []

    def clamped(x: Tensor) -> Tensor:
        runs.append(1)
        return LINEAR(x).clamp(torch.tensor(-1.0), torch.tensor(1.0))

    output = checkpoint(clamped, torch.ones(4, 3), use_reentrant=False)
    assert seen(Outputs(), output=output)["outputs.operation"] == "Clamp"
    assert len(runs) == 1
