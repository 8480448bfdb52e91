"""Parameters used beside layers, against the gradient of each sample's loss."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import prune

from cockpit.backward.capture import Capture
from cockpit.backward.nodes import uses_beside
from cockpit.backward.sample_axis import UNKNOWN
from tests.backward.beside import CASES, D, N, T, model, numbers, parameter
from tests.backward.individual import assert_exact, by_hooks, by_loop


@pytest.mark.parametrize("name", CASES)
def test_uses_beside_layers_give_the_gradient_of_each_sample(name: str) -> None:
    make, x = CASES[name]
    net = make()
    assert_exact(net, lambda: net(x))


@pytest.mark.parametrize("name", CASES)
def test_what_can_not_be_tested_is_right_or_refused(name: str) -> None:
    make, x = CASES[name]
    net = make()
    made, missing, losses = by_hooks(net, lambda: net(x), testable=False)
    assert set(missing.values()) <= {UNKNOWN}
    expected = by_loop(net, losses)
    for key, value in made.items():
        torch.testing.assert_close(value, expected[key], msg=key)


@pytest.mark.parametrize("name", ["class token", "layer scale", "tied output", "Conv1D of GPT-2"])
def test_single_precision_is_as_exact_as_it_can_be(name: str) -> None:
    make, x = CASES[name]
    net = make().float()
    x = x.float() if x.is_floating_point() else x
    assert_exact(net, lambda: net(x), rtol=1e-5)


def test_autocast_is_exact_to_half_precision() -> None:
    make, x = CASES["tied output"]
    net = make().float()

    def forward() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return net(x).float()

    made, missing, losses = by_hooks(net, forward)
    assert missing == {}
    for name, value in by_loop(net, losses).items():
        assert (
            (made[name] - value).norm() <= 3e-2 * value.norm() if name in made else not value.any()
        )


class OwnFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, g: Tensor) -> Tensor:
        ctx.save_for_backward(x, g)
        return x * g

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        x, g = ctx.saved_tensors
        return grad * g, (grad * x).sum((0, 1))


def squared_often(w: Tensor) -> Tensor:
    for _ in range(25):
        w = w * w
    return w


REFUSED = {
    "too many ways to the samples": (
        model(lambda m, x: x * squared_often(m.p), p=parameter(D)),
        "too many operations",
    ),
    "a function of the user's own": (
        model(lambda m, x: OwnFunction.apply(x, m.p) + 0 * m.beside.weight.sum(), p=parameter(D)),
        "no rule for (OwnFunction)",
    ),
    "complex numbers": (
        model(lambda m, x: torch.view_as_real(x * m.p.to(torch.complex128)), p=parameter(D)),
        "no rule for",
    ),
    "a softmax of a weight": (
        model(lambda m, x: F.linear(x, m.p.softmax(1)), p=parameter(D, D)),
        "no rule for (Softmax)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_operation_without_a_rule_is_refused_by_name(name: str) -> None:
    make, reason = REFUSED[name]
    net = make()
    made, missing, _ = by_hooks(net, lambda: net(numbers(N, T, D)))
    assert "p" not in made
    assert reason in missing["p"]


def test_complex_layers_are_refused() -> None:
    net = nn.Linear(D, D, dtype=torch.complex128)
    x = numbers(N, D).to(torch.complex128)
    made, missing, _ = by_hooks(net, lambda: torch.view_as_real(net(x)))
    assert made == {}
    assert set(missing.values()) == {"there is no rule for complex numbers"}


def test_a_module_of_one_opaque_operation_is_run_again() -> None:
    class Distances(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.centers = parameter(5, D)

        def forward(self, x: Tensor) -> Tensor:
            return torch.cdist(x, self.centers)

    net = Distances()
    assert_exact(net, lambda: net(numbers(N, T, D)))


def test_a_penalty_is_no_function_of_single_samples() -> None:
    net = nn.Linear(D, D).double()
    capture = Capture(net)
    capture.attach()
    loss = net(numbers(N, D)).sum() + net.weight.square().sum()
    (use,) = uses_beside(loss, net.parameters(), capture.living(), N)
    assert use.parameter is net.weight
    assert "no function of single samples" in use.reason


def test_layers_with_a_rule_leave_nothing_beside() -> None:
    net = nn.Sequential(nn.Conv1d(2, 3, 2), nn.GroupNorm(1, 3), nn.Flatten(), nn.Linear(15, D))
    capture = Capture(net)
    capture.attach()
    loss = net(numbers(N, 2, 6).float()).sum()
    assert uses_beside(loss, net.parameters(), capture.living(), N) == []


def test_what_was_saved_is_let_go() -> None:
    make, x = CASES["layer scale"]
    net = make()
    capture = Capture(net)
    capture.attach()
    loss = net(x).sum()
    uses = uses_beside(loss, net.parameters(), capture.living(), N)
    capture.watch(uses)
    assert uses
    capture.forget()
    assert all(use.node is None and not use.saved for use in uses)
    loss.backward()
    assert capture.fault is None


def test_an_overwritten_factor_is_refused() -> None:
    make, x = CASES["layer scale"]
    net = make()
    capture, calls = Capture(net), []
    capture.attach()
    hidden = net.l(x)
    loss = (hidden * net.g).sum()
    capture.watch(uses_beside(loss, [net.g], capture.living(), N))
    with capture.into(calls):
        loss.backward()
    assert all(use.is_intact() for use in calls)
    hidden.detach().zero_()
    assert not calls[0].is_intact()


def test_a_pruned_weight_has_gradients_where_it_is_left() -> None:
    net = prune.random_unstructured(nn.Linear(D, D).double(), "weight", 4)
    assert_exact(net, lambda: net(numbers(N, T, D)))
    made, _, _ = by_hooks(net, lambda: net(numbers(N, T, D)))
    assert int((made["weight_orig"] == 0).all(0).sum()) == 4
