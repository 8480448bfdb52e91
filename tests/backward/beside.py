"""Models that use parameters beside their layers, each with an input."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

__all__ = ["CASES", "D", "N", "T", "linear", "model", "numbers", "parameter"]

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


def case(
    function: Callable[[Any, Tensor], Tensor], x: Tensor | None = None, **parts: Any
) -> tuple[Callable[[], nn.Module], Tensor]:
    """Makes the model, and its input: N sequences of T vectors, unless it is another."""
    return model(function, **parts), numbers(N, T, D) if x is None else x


def offsets(length: int) -> Tensor:
    places = torch.arange(length)
    return places[:, None] - places + length - 1


CASES = {
    "class token": case(
        lambda m, x: m.l(torch.cat([m.token.expand(len(x), -1, -1), x], 1)),
        token=parameter(1, 1, D),
        l=linear(),
    ),
    "class token, repeated": case(
        lambda m, x: m.l(torch.cat([m.token.repeat(len(x), 1, 1), x], 1)),
        token=parameter(1, 2, D),
        l=linear(),
    ),
    "class token, unsqueezed": case(
        lambda m, x: m.l(torch.cat([m.token[None, None].expand(len(x), 1, D), x], 1)),
        token=parameter(D),
        l=linear(),
    ),
    "position embedding": case(lambda m, x: m.l(x + m.p), p=parameter(1, T, D), l=linear()),
    "position embedding, cut": case(
        lambda m, x: m.l(m.p[1 : T + 1] + x), p=parameter(T + 2, D), l=linear()
    ),
    "positions looked up": case(
        lambda m, x: m.l(m.t(x) + m.p(torch.arange(x.shape[1]))),
        integers(N, T),
        t=nn.Embedding(7, D),
        p=nn.Embedding(9, D),
        l=linear(),
    ),
    "as many positions as samples": case(
        lambda m, x: m.l(m.t(x) + m.p(torch.arange(x.shape[1]))),
        integers(N, N),
        t=nn.Embedding(7, D),
        p=nn.Embedding(9, D),
        l=linear(),
    ),
    "positions looked up, one row": case(
        lambda m, x: m.l(m.t(x) + m.p(torch.arange(x.shape[1])[None])),
        integers(N, 2 * N),
        t=nn.Embedding(7, D),
        p=nn.Embedding(9, D),
        l=linear(),
    ),
    "positions looked up for each sample": case(
        lambda m, x: m.l(m.t(x) + m.p(torch.arange(x.shape[1]).expand(len(x), -1))),
        integers(N, N),
        t=nn.Embedding(7, D),
        p=nn.Embedding(9, D),
        l=linear(),
    ),
    "relative positions": case(
        lambda m, x: m.l((x @ x.mT + m.t[offsets(T)].permute(2, 0, 1)[0]).softmax(2) @ x),
        t=parameter(2 * T - 1, 2),
        l=linear(),
    ),
    "as many relative positions as samples": case(
        lambda m, x: m.l((x @ x.mT + m.t[offsets(N)].permute(2, 0, 1)[0]).softmax(2) @ x),
        numbers(N, N, D),
        t=parameter(2 * N - 1, 2),
        l=linear(),
    ),
    "tied output": case(
        lambda m, x: F.linear(m.l(m.t(x)).tanh(), m.t.weight),
        integers(N, T),
        t=nn.Embedding(7, D),
        l=linear(),
    ),
    "table indexed twice": case(
        lambda m, x: m.l(m.t[x] + m.t.index_select(0, x.flatten()).view(N, T, D)),
        integers(N, T),
        t=parameter(7, D),
        l=linear(),
    ),
    "null class": case(
        lambda m, x: torch.cat([m.null[None], m.t])[x],
        integers(N, T),
        null=parameter(D),
        t=parameter(6, D),
    ),
    "layer scale": case(lambda m, x: x + m.g * m.l(x), g=parameter(D), l=linear()),
    "gates and temperatures": case(
        lambda m, x: x + m.l(x) * m.g.tanh() * F.softplus(m.s) / m.d * m.t.exp(),
        g=parameter(D),
        s=parameter(1),
        t=parameter(),
        d=parameter(D),
        l=linear(),
    ),
    "arithmetic": case(
        lambda m, x: (m.a - x) * m.b / (1 + x * x) + m.c / (2 + x.sin()) - m.d * 3 * m.d,
        a=parameter(D),
        b=parameter(D),
        c=parameter(D),
        d=parameter(T, D),
    ),
    "other elementwise operations": case(
        lambda m, x: torch.where(x > 0, x, m.a) + x.abs() ** m.b + torch.lerp(x, x.sin(), m.c),
        a=parameter(D),
        b=parameter(D),
        c=parameter(D),
    ),
    "positions folded into samples": case(
        lambda m, x: (x.flatten(0, 1) * m.g + m.b).view(x.shape), g=parameter(D), b=parameter(D)
    ),
    "samples folded into positions": case(
        lambda m, x: (
            F.linear((x.transpose(0, 1).flatten(0, 1) * m.g).sin(), m.w, m.b)
            .view(T, N, D)
            .transpose(0, 1)
        ),
        g=parameter(D),
        w=parameter(D, D),
        b=parameter(D),
    ),
    "Conv1D of GPT-2": case(
        lambda m, x: torch.addmm(m.b, x.view(-1, D), m.w).view(N, T, 5),
        w=parameter(D, 5),
        b=parameter(5),
    ),
    "scaled addmm": case(
        lambda m, x: torch.addmm(m.b, x, m.w, alpha=0.5, beta=2),
        numbers(N, D),
        w=parameter(D, 5),
        b=parameter(5),
    ),
    "matrix from the left": case(lambda m, x: (m.w @ x.T).T, numbers(N, D), w=parameter(5, D)),
    "matrix from the left, batched": case(lambda m, x: m.w @ x, w=parameter(5, T)),
    "a matrix for each head": case(
        lambda m, x: torch.einsum("nti,hio->nhto", x, m.w), w=parameter(2, D, 5)
    ),
    "a matrix for each position": case(
        lambda m, x: torch.einsum("nti,tio->nto", x, m.w), w=parameter(T, D, 5)
    ),
    "attention pooling": case(
        lambda m, x: ((x @ m.q).softmax(1).unsqueeze(2) * x).sum(1), q=parameter(D)
    ),
    "low-rank update of a weight": case(
        lambda m, x: F.linear(x, m.w + 0.5 * m.b @ m.a),
        w=parameter(5, D),
        b=parameter(5, 2),
        a=parameter(2, D),
    ),
    "low-rank adapter": case(
        lambda m, x: m.l(x) + F.linear(F.linear(x, m.a), m.b),
        a=parameter(2, D),
        b=parameter(D, 2),
        l=linear(),
    ),
    "weight cut into parts": case(
        lambda m, x: (
            torch.cat([F.linear(x, w) for w in m.w.split([1, 4])], 2) + F.linear(x, m.w.chunk(5)[2])
        ),
        w=parameter(5, D),
    ),
    "weights put together": case(
        lambda m, x: F.linear(x, torch.stack([m.u, m.v]).flatten(0, 1), torch.cat([m.b, m.b])),
        u=parameter(2, D),
        v=parameter(2, D),
        b=parameter(2),
    ),
    "weight normalization": case(lambda m, x: m.l(x), l=parametrizations.weight_norm(linear())),
    "functional layer norm": case(
        lambda m, x: F.layer_norm(x.movedim(1, 3), (D,), m.w, m.b).movedim(3, 1),
        numbers(N, D, 5, 4),
        w=parameter(D),
        b=parameter(D),
    ),
    "functional group norm": case(
        lambda m, x: F.group_norm(x, 2, m.w, m.b),
        numbers(N, 4, 5, 3),
        w=parameter(4),
        b=parameter(4),
    ),
    "functional batch norm, running": case(
        lambda m, x: F.batch_norm(x, torch.zeros(4).double(), torch.ones(4).double(), m.w, m.b),
        numbers(N, 4, 5, 3),
        w=parameter(4),
        b=parameter(4),
    ),
    "functional convolution": case(
        lambda m, x: F.conv2d(x, m.w, m.b, (2, 1), 1, 1, 2),
        numbers(N, 4, 5, 6),
        w=parameter(6, 2, 3, 3),
        b=parameter(6),
    ),
    "functional transposed convolution": case(
        lambda m, x: F.conv_transpose2d(x, m.w, m.b, 2, 1, 1),
        numbers(N, 4, 5, 3),
        w=parameter(4, 5, 3, 3),
        b=parameter(5),
    ),
    "normalized prototypes": case(
        lambda m, x: F.linear(F.normalize(x, dim=-1), F.normalize(m.w, dim=-1)) / m.v.norm(),
        w=parameter(5, D),
        v=parameter(2, 2),
    ),
    "in place": case(
        lambda m, x: m.l(x).add_(m.p).mul_(m.g), p=parameter(1, T, D), g=parameter(D), l=linear()
    ),
    "as many positions as samples, in place": case(
        lambda m, x: m.l(x).add_(m.p), numbers(N, N, D), p=parameter(N, D), l=linear()
    ),
    "activation checkpointing": case(
        lambda m, x: checkpoint(lambda y: m.l(y) * m.g, x, use_reentrant=False),
        g=parameter(D),
        l=linear(),
    ),
    "input that wants a gradient": case(
        lambda m, x: (x @ m.w) * m.g,
        numbers(N, T, D).requires_grad_(),
        w=parameter(D, 5),
        g=parameter(5),
    ),
    "one sample": case(
        lambda m, x: m.l(m.g * x + m.p),
        numbers(1, T, D),
        g=parameter(D),
        p=parameter(1, T, D),
        l=linear(),
    ),
}
