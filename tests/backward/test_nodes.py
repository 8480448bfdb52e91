"""Parameters used beside layers, against the gradient of each sample's loss."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune
from torch.utils.checkpoint import checkpoint

from cockpit.backward.capture import Capture
from cockpit.backward.nodes import uses_beside
from cockpit.backward.sample_axis import UNKNOWN
from tests.backward.individual import assert_exact, by_hooks, by_loop

N, T, D = 4, 6, 3


def numbers(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def integers(*shape: int) -> Tensor:
    return torch.randint(0, 7, shape, generator=torch.Generator().manual_seed(1))


def parameter(*shape: int) -> nn.Parameter:
    return nn.Parameter(numbers(*shape) * 0.3)


class Model(nn.Module):
    """A forward function with the parts that it uses, and a layer of its own beside them.

    With a layer among its children no module can be run again: only the nodes can tell.
    """

    def __init__(self, function: Callable[[Any, Tensor], Tensor], **parts: Any) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.function, self.beside = function, nn.LayerNorm(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


def model(function: Callable[[Any, Tensor], Tensor], **parts: Any) -> Callable[[], nn.Module]:
    return lambda: Model(function, **copy.deepcopy(parts)).double()


def linear() -> nn.Linear:
    return nn.Linear(D, D)


CASES = {
    "class token": (
        model(
            lambda m, x: m.l(torch.cat([m.token.expand(len(x), -1, -1), x], 1)),
            token=parameter(1, 1, D),
            l=linear(),
        ),
        numbers(N, T, D),
    ),
    "class token, repeated": (
        model(
            lambda m, x: m.l(torch.cat([m.token.repeat(len(x), 1, 1), x], 1)),
            token=parameter(1, 2, D),
            l=linear(),
        ),
        numbers(N, T, D),
    ),
    "class token, unsqueezed": (
        model(
            lambda m, x: m.l(torch.cat([m.token[None, None].expand(len(x), 1, D), x], 1)),
            token=parameter(D),
            l=linear(),
        ),
        numbers(N, T, D),
    ),
    "position embedding": (
        model(lambda m, x: m.l(x + m.p), p=parameter(1, T, D), l=linear()),
        numbers(N, T, D),
    ),
    "position embedding, cut": (
        model(lambda m, x: m.l(m.p[1 : T + 1] + x), p=parameter(T + 2, D), l=linear()),
        numbers(N, T, D),
    ),
    "positions looked up": (
        model(
            lambda m, x: m.l(m.t(x) + m.p(torch.arange(x.shape[1]))),
            t=nn.Embedding(7, D),
            p=nn.Embedding(9, D),
            l=linear(),
        ),
        integers(N, T),
    ),
    "as many positions as samples": (
        model(
            lambda m, x: m.l(m.t(x) + m.p(torch.arange(x.shape[1]))),
            t=nn.Embedding(7, D),
            p=nn.Embedding(9, D),
            l=linear(),
        ),
        integers(N, N),
    ),
    "positions looked up, one row": (
        model(
            lambda m, x: m.l(m.t(x) + m.p(torch.arange(x.shape[1])[None])),
            t=nn.Embedding(7, D),
            p=nn.Embedding(9, D),
            l=linear(),
        ),
        integers(N, 2 * N),
    ),
    "positions looked up for each sample": (
        model(
            lambda m, x: m.l(m.t(x) + m.p(torch.arange(x.shape[1]).expand(len(x), -1))),
            t=nn.Embedding(7, D),
            p=nn.Embedding(9, D),
            l=linear(),
        ),
        integers(N, N),
    ),
    "relative positions": (
        model(
            lambda m, x: m.l((x @ x.mT + m.t[offsets(T)].permute(2, 0, 1)[0]).softmax(2) @ x),
            t=parameter(2 * T - 1, 2),
            l=linear(),
        ),
        numbers(N, T, D),
    ),
    "as many relative positions as samples": (
        model(
            lambda m, x: m.l((x @ x.mT + m.t[offsets(N)].permute(2, 0, 1)[0]).softmax(2) @ x),
            t=parameter(2 * N - 1, 2),
            l=linear(),
        ),
        numbers(N, N, D),
    ),
    "tied output": (
        model(
            lambda m, x: F.linear(m.l(m.t(x)).tanh(), m.t.weight), t=nn.Embedding(7, D), l=linear()
        ),
        integers(N, T),
    ),
    "table indexed twice": (
        model(
            lambda m, x: m.l(m.t[x] + m.t.index_select(0, x.flatten()).view(N, T, D)),
            t=parameter(7, D),
            l=linear(),
        ),
        integers(N, T),
    ),
    "null class": (
        model(lambda m, x: torch.cat([m.null[None], m.t])[x], null=parameter(D), t=parameter(6, D)),
        integers(N, T),
    ),
    "layer scale": (
        model(lambda m, x: x + m.g * m.l(x), g=parameter(D), l=linear()),
        numbers(N, T, D),
    ),
    "gates and temperatures": (
        model(
            lambda m, x: x + m.l(x) * m.g.tanh() * F.softplus(m.s) / m.d * m.t.exp(),
            **{"g": parameter(D), "s": parameter(1), "t": parameter(), "d": parameter(D)},
            l=linear(),
        ),
        numbers(N, T, D),
    ),
    "arithmetic": (
        model(
            lambda m, x: (m.a - x) * m.b / (1 + x * x) + m.c / (2 + x.sin()) - m.d * 3 * m.d,
            **{"a": parameter(D), "b": parameter(D), "c": parameter(D), "d": parameter(T, D)},
        ),
        numbers(N, T, D),
    ),
    "other elementwise operations": (
        model(
            lambda m, x: torch.where(x > 0, x, m.a) + x.abs() ** m.b + torch.lerp(x, x.sin(), m.c),
            **{"a": parameter(D), "b": parameter(D), "c": parameter(D)},
        ),
        numbers(N, T, D),
    ),
    "positions folded into samples": (
        model(
            lambda m, x: (x.flatten(0, 1) * m.g + m.b).view(x.shape), g=parameter(D), b=parameter(D)
        ),
        numbers(N, T, D),
    ),
    "samples folded into positions": (
        model(
            lambda m, x: (
                F.linear((x.transpose(0, 1).flatten(0, 1) * m.g).sin(), m.w, m.b)
                .view(T, N, D)
                .transpose(0, 1)
            ),
            **{"g": parameter(D), "w": parameter(D, D), "b": parameter(D)},
        ),
        numbers(N, T, D),
    ),
    "Conv1D of GPT-2": (
        model(
            lambda m, x: torch.addmm(m.b, x.view(-1, D), m.w).view(N, T, 5),
            **{"w": parameter(D, 5), "b": parameter(5)},
        ),
        numbers(N, T, D),
    ),
    "scaled addmm": (
        model(
            lambda m, x: torch.addmm(m.b, x, m.w, alpha=0.5, beta=2),
            **{"w": parameter(D, 5), "b": parameter(5)},
        ),
        numbers(N, D),
    ),
    "matrix from the left": (
        model(lambda m, x: (m.w @ x.T).T, w=parameter(5, D)),
        numbers(N, D),
    ),
    "matrix from the left, batched": (
        model(lambda m, x: m.w @ x, w=parameter(5, T)),
        numbers(N, T, D),
    ),
    "a matrix for each head": (
        model(lambda m, x: torch.einsum("nti,hio->nhto", x, m.w), w=parameter(2, D, 5)),
        numbers(N, T, D),
    ),
    "a matrix for each position": (
        model(lambda m, x: torch.einsum("nti,tio->nto", x, m.w), w=parameter(T, D, 5)),
        numbers(N, T, D),
    ),
    "attention pooling": (
        model(lambda m, x: ((x @ m.q).softmax(1).unsqueeze(2) * x).sum(1), q=parameter(D)),
        numbers(N, T, D),
    ),
    "low-rank update of a weight": (
        model(
            lambda m, x: F.linear(x, m.w + 0.5 * m.b @ m.a),
            **{"w": parameter(5, D), "b": parameter(5, 2), "a": parameter(2, D)},
        ),
        numbers(N, T, D),
    ),
    "low-rank adapter": (
        model(
            lambda m, x: m.l(x) + F.linear(F.linear(x, m.a), m.b),
            **{"a": parameter(2, D), "b": parameter(D, 2), "l": linear()},
        ),
        numbers(N, T, D),
    ),
    "weight cut into parts": (
        model(
            lambda m, x: (
                torch.cat([F.linear(x, w) for w in m.w.split([1, 4])], 2)
                + F.linear(x, m.w.chunk(5)[2])
            ),
            w=parameter(5, D),
        ),
        numbers(N, T, D),
    ),
    "weights put together": (
        model(
            lambda m, x: F.linear(x, torch.stack([m.u, m.v]).flatten(0, 1), torch.cat([m.b, m.b])),
            **{"u": parameter(2, D), "v": parameter(2, D), "b": parameter(2)},
        ),
        numbers(N, T, D),
    ),
    "weight normalization": (
        model(lambda m, x: m.l(x), l=parametrizations.weight_norm(linear())),
        numbers(N, T, D),
    ),
    "functional layer norm": (
        model(
            lambda m, x: F.layer_norm(x.movedim(1, 3), (D,), m.w, m.b).movedim(3, 1),
            **{"w": parameter(D), "b": parameter(D)},
        ),
        numbers(N, D, 5, 4),
    ),
    "functional group norm": (
        model(lambda m, x: F.group_norm(x, 2, m.w, m.b), w=parameter(4), b=parameter(4)),
        numbers(N, 4, 5, 3),
    ),
    "functional batch norm, running": (
        model(
            lambda m, x: F.batch_norm(x, torch.zeros(4).double(), torch.ones(4).double(), m.w, m.b),
            **{"w": parameter(4), "b": parameter(4)},
        ),
        numbers(N, 4, 5, 3),
    ),
    "functional convolution": (
        model(
            lambda m, x: F.conv2d(x, m.w, m.b, (2, 1), 1, 1, 2),
            **{"w": parameter(6, 2, 3, 3), "b": parameter(6)},
        ),
        numbers(N, 4, 5, 6),
    ),
    "functional transposed convolution": (
        model(
            lambda m, x: F.conv_transpose2d(x, m.w, m.b, 2, 1, 1),
            **{"w": parameter(4, 5, 3, 3), "b": parameter(5)},
        ),
        numbers(N, 4, 5, 3),
    ),
    "normalized prototypes": (
        model(
            lambda m, x: F.linear(F.normalize(x, dim=-1), F.normalize(m.w, dim=-1)) / m.v.norm(),
            **{"w": parameter(5, D), "v": parameter(2, 2)},
        ),
        numbers(N, T, D),
    ),
    "in place": (
        model(
            lambda m, x: m.l(x).add_(m.p).mul_(m.g),
            **{"p": parameter(1, T, D), "g": parameter(D), "l": linear()},
        ),
        numbers(N, T, D),
    ),
    "as many positions as samples, in place": (
        model(lambda m, x: m.l(x).add_(m.p), p=parameter(N, D), l=linear()),
        numbers(N, N, D),
    ),
    "activation checkpointing": (
        model(
            lambda m, x: checkpoint(lambda y: m.l(y) * m.g, x, use_reentrant=False),
            **{"g": parameter(D), "l": linear()},
        ),
        numbers(N, T, D),
    ),
    "input that wants a gradient": (
        model(lambda m, x: (x @ m.w) * m.g, **{"w": parameter(D, 5), "g": parameter(5)}),
        numbers(N, T, D).requires_grad_(),
    ),
    "one sample": (
        model(
            lambda m, x: m.l(m.g * x + m.p),
            **{"g": parameter(D), "p": parameter(1, T, D)},
            l=linear(),
        ),
        numbers(1, T, D),
    ),
}


def offsets(length: int) -> Tensor:
    places = torch.arange(length)
    return places[:, None] - places + length - 1


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


REFUSED = {
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
