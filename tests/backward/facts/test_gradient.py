"""Facts of ``.grad``, piece by piece; whole loops are in tests/loops/test_gradient_facts.py."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from cockpit.backward.facts.fetch import fetched
from cockpit.backward.facts.gradient import scale_and_step
from cockpit.backward.facts.looks import (
    Look,
    Step,
    UsedGradients,
    held,
    left_over,
    sample,
    stride_for,
)
from cockpit.backward.facts.loss_scale import scale_in_charge


def look(*grads: Tensor) -> Look:
    """As if none of them were what a backward pass has given."""
    named = {f"p{n}": grad for n, grad in enumerate(grads)}
    return Look.at(named, [cast(Any, SimpleNamespace(given=({}, {})))])


def test_samples_are_spread_over_all_elements() -> None:
    large = torch.arange(784_000.0).reshape(1000, 784)
    places = sample(large, stride_for([784_000, 10])).long()
    assert 400 < len(places) <= 520
    assert places.max() > 780_000
    assert len(set((places % 784).tolist())) > 200  # not of one column
    assert sample(torch.zeros(0), 7).tolist() == []
    assert stride_for([5]) == 1


@pytest.mark.parametrize("form", ["contiguous", "channels last", "transposed"])
def test_all_elements_of_a_small_gradient_are_looked_at(form: str) -> None:
    x = torch.rand(4, 3, 4, 4)
    x = x.to(memory_format=torch.channels_last) if form == "channels last" else x
    x = x.transpose(1, 3) if form == "transposed" else x
    assert torch.equal(sample(x, 1).sort().values, x.flatten().sort().values)


def test_the_share_of_zeros_is_that_of_nearly_all_elements() -> None:
    zeros, ones, few = torch.zeros(30_000), torch.ones(10_000), torch.ones(10)
    found = look(few, zeros, ones)
    assert list(found.sizes) == ["p2", "p1"]
    assert fetched({"zeros": found.zero_share()})["zeros"] == pytest.approx(0.75, abs=0.01)
    torch.manual_seed(0)
    half = (torch.rand(500, 784) < 0.5).float()
    assert fetched({"zeros": look(half).zero_share()})["zeros"] == pytest.approx(0.5, abs=0.1)
    assert fetched({"zeros": look(torch.zeros(0)).zero_share()}) == {}
    assert fetched({"zeros": look(torch.zeros(2)).zero_share()}) == {"zeros": 1.0}


def test_changes_are_seen_even_behind_autograds_back() -> None:
    grads = {f"p{n}": torch.rand(40, 40) for n in range(3)}
    found = look(*grads.values())
    assert found.unchanged(grads)
    assert found.unchanged({"p1": grads["p1"]})
    grads["p2"].data.clamp_(0, 0.5)
    assert found.unchanged({"p1": grads["p1"]})
    assert not found.unchanged(grads)
    grads["p0"].mul_(1.0)
    assert not found.unchanged({"p0": grads["p0"]})


def test_the_least_precise_kind_of_number() -> None:
    kinds = (torch.float32, torch.bfloat16, torch.float16)
    assert look(*(torch.ones(2, dtype=kind) for kind in kinds)).dtype == "bfloat16"
    assert look(torch.ones(2, dtype=torch.float64)).dtype == "float64"


def parameters(*values: float) -> dict[str, nn.Parameter]:
    found = {f"p{n}": nn.Parameter(torch.tensor([value])) for n, value in enumerate(values)}
    for p in found.values():
        p.grad = torch.full_like(p, 2.0)
    return found


def norms_before(named: dict[str, nn.Parameter], used: UsedGradients) -> list[float]:
    found = left_over(named, used)
    assert found is not None
    return [float(x) for x in found]


def test_what_an_optimizer_has_stepped_with_is_known_again() -> None:
    named, used = parameters(1.0, 1.0), UsedGradients()
    optimizer = torch.optim.SGD(named.values(), lr=0.1)
    assert norms_before(named, used) == [0.0, math.sqrt(8)]  # it is not known whose they are
    used.take(optimizer)
    assert norms_before(named, used) == [math.sqrt(8), 0.0]
    named["p0"].grad.add_(1.0)
    assert norms_before(named, used) == [2.0, 3.0]
    named["p0"].grad = torch.full_like(named["p0"], 2.0)  # as after zero_grad() and backward()
    assert norms_before(named, used) == [2.0, 2.0]
    optimizer.zero_grad(set_to_none=False)
    assert norms_before(named, used) == [0.0, 0.0]
    optimizer.zero_grad()
    assert norms_before(named, used) == [0.0, 0.0]


def test_parameters_of_no_optimizer_are_not_counted() -> None:
    named, used = parameters(1.0, 1.0), UsedGradients()
    used.take(torch.optim.SGD([named["p0"]], lr=0.1))
    assert norms_before(named, used) == [2.0, 0.0]


def test_gradients_that_are_no_plain_tensors() -> None:
    table = nn.Embedding(4, 2, sparse=True)
    table(torch.tensor([1])).sum().backward()
    assert held(dict(table.named_parameters())) is None
    assert left_over(dict(table.named_parameters()), UsedGradients()) is None
    assert held({"p": nn.Parameter(torch.zeros(1))}) == {}


def both(
    after: dict[str, float], *steps: tuple[Any, ...], mean: float = 5.0, is_plain: bool = True
) -> tuple[float | None, float | None]:
    seen = [(Step(list(names), None, *about), changed) for names, changed, *about in steps]
    return scale_and_step(after, seen, mean, is_plain)


def test_scale_and_what_is_left_of_it() -> None:
    after = {"a": 3.0, "b": 4.0}
    assert both(after, ("ab", None)) == (1.0, 1.0)
    assert both(after, ("ab", None), mean=10.0) == (0.5, 1.0)
    assert both(after, ("ab", [0.3, 0.4])) == (1.0, pytest.approx(0.1))
    assert both(after, ("a", [0.3]), ("b", None)) == (1.0, pytest.approx(math.hypot(0.3, 4) / 5))
    assert both(after, ("a", None)) == (1.0, 1.0)


def test_without_an_optimizer_a_large_factor_may_be_a_loss_scale() -> None:
    assert both({"a": 5.0}) == (1.0, None)
    assert both({"a": 5.0}, is_plain=False) == (None, None)


def test_a_loss_scale_is_no_clipping() -> None:
    after = {"a": 3000.0, "b": 4000.0}
    assert both(after, ("ab", [3.0, 4.0], 1000.0, True)) == (1.0, pytest.approx(1.0))
    assert both(after, ("ab", [1.5, 2.0], 1000.0, True)) == (1.0, pytest.approx(0.5))
    assert both(after, ("ab", None, 1000.0, False)) == (1.0, 1.0)  # a fused optimizer
    assert both(after, ("a", None, 10.0, False), ("b", None, 20.0, False)) == (None, None)


def test_scaled_and_unscaled_by_hand() -> None:
    assert both({"a": 5000.0}, ("a", [5.0])) == (1.0, 1.0)
    assert both({"a": 5000.0}, ("a", [2.5])) == (1000.0, pytest.approx(5e-4))


def test_what_is_not_finite_or_zero_tells_nothing() -> None:
    assert both({"a": math.inf}, ("a", None)) == (None, None)
    assert both({"a": 0.0}, ("a", None)) == (None, None)
    assert both({"a": 1.0}, ("a", [math.nan])) == (None, None)
    assert both({"a": 1.0}, ("a", None), ("a", None)) == (None, None)


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("fused", [True, False])
def test_the_scaler_in_charge_is_found(enabled: bool, fused: bool) -> None:
    p = nn.Parameter(torch.ones(3))
    optimizer = torch.optim.SGD([p], lr=0.1, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=512.0, enabled=enabled)
    found: list[tuple[tuple[float, bool] | None, Tensor]] = []
    optimizer.register_step_pre_hook(
        lambda one, *_: found.append((scale_in_charge(one), p.grad.clone()))
    )
    assert scale_in_charge(optimizer) is None
    scaler.scale(p.sum()).backward()
    scaler.step(optimizer)
    ((scale, grad),) = found
    if not enabled:
        assert scale is None
    else:
        assert scale == (512.0, not fused)
        assert grad.tolist() == ([512.0] * 3 if fused else [1.0] * 3)
    optimizer.step()
    assert found[-1][0] is None
