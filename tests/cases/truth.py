"""What the log should say of one step of a case: naive loops, in double precision."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import Any

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from tests.cases.case import Batch, Case, joined
from tests.cases.expanded import expand
from tests.cases.run import Moment

__all__ = ["Truth"]


class Truth:
    """Losses, gradients and curvature at one θ(t), for the mean objective L = (1/N) Σ ℓₙ.

    Args:
        case: The case.
        moment: The model at θ(t), and the mini-batch.
        seed: Of the random numbers of the forward pass.
    """

    def __init__(self, case: Case, moment: Moment, seed: int) -> None:
        self.case, self.seed = case, seed
        self.model = copy.deepcopy(moment.model)
        self.batch = moment.batch.to(torch.float64)
        self.n = len(self.batch)
        named = {k: p for k, p in self.model.named_parameters() if p.requires_grad}
        objective = self._objective()
        self.loss = float(objective.detach())
        grads = torch.autograd.grad(
            objective, list(named.values()), create_graph=True, allow_unused=True
        )
        used = {k: _dense(g) for k, g in zip(named, grads, strict=True) if g is not None}
        self.named = {k: named[k] for k in used}
        self._graph = list(used.values())
        self.grad = {k: g.detach() for k, g in used.items()}

    def _predict(self) -> Any:
        return joined([self._output(self.model, part) for part in self.case.parts(self.batch)])

    def _output(self, model: nn.Module, batch: Batch) -> Any:
        torch.manual_seed(self.seed)
        return self.case.predict(model, batch.x)

    def _objective(self) -> Tensor:
        loss = self.case.total(self.model, self._predict(), self.batch.y)
        return loss / self.n if self.case.reduction == "sum" else loss

    @cached_property
    def theta(self) -> dict[str, Tensor]:
        """θ(t) by name, of the parameters that have a gradient."""
        return {k: p.detach() for k, p in self.named.items()}

    @cached_property
    def losses(self) -> Tensor:
        """ℓₙ, shape [N]."""
        return self._individual[0]

    @cached_property
    def gradients(self) -> dict[str, Tensor]:
        """gₙ by name, each of shape [N, *parameter]; their mean is the batch gradient."""
        found = self._individual[1]
        for name, g in found.items():
            scale = g.abs().amax()
            assert (g.mean(0) - self.grad[name]).abs().amax() <= 1e-9 * scale + 1e-14, name
        return found

    def has_no_signal(self, name: str) -> bool:
        """Whether a parameter's gradient is the rounding of a zero: a bias before batch norm."""
        everything = sum(float(g.square().sum()) for g in self.gradients.values())
        g = self.gradients.get(name)
        if g is None:
            return False
        size = float(g.norm())
        return float(g.mean(0).norm()) <= 1e-12 * size or size <= 1e-14 * everything**0.5

    def noise(self, name: str | None) -> float:
        """Σₙ‖gₙ‖² / (N²‖ḡ‖²) of a parameter or the network: by so much a test's rounding grows."""
        chosen = self.gradients if name is None else {name: self.gradients[name]}
        squares = sum(float(g.square().sum()) for g in chosen.values())
        mean = sum(float(g.mean(0).square().sum()) for g in chosen.values())
        return squares / self.n**2 / mean if mean else 0.0

    @cached_property
    def _individual(self) -> tuple[Tensor, dict[str, Tensor]]:
        kind = self.case.samples
        if kind == "none":
            raise AssertionError("this case has no gradients of single samples")
        if kind == "contributions":
            return self._contributions()
        return self._by_loss(alone=kind == "alone")

    def _by_loss(self, alone: bool) -> tuple[Tensor, dict[str, Tensor]]:
        losses = [] if alone else list(self.case.each_loss(self._predict(), self.batch.y))
        rows = []
        for n in range(self.n):
            if alone:
                output = self.case.predict(self.model, self.batch.part(n, n + 1).x)
                losses.append(self.case.one_loss(output, self.batch.y, n))
            rows.append(self._backward(losses[n]))
        stacked = [torch.stack(column) for column in zip(*rows, strict=True)]
        return torch.stack(losses).detach(), dict(zip(self.named, stacked, strict=True))

    def _contributions(self) -> tuple[Tensor, dict[str, Tensor]]:
        parts = self.case.parts(self.batch)
        models = [expand(self.model, len(part)) for part in parts]
        pairs = zip(models, parts, strict=True)
        output = joined([self._output(model, part) for (model, _), part in pairs])
        total = self.case.total(self.model, output, self.batch.y)
        leaves = [p for name in self.named for _, own in models for p in own[name]]
        scale = self.n if self.case.reduction == "mean" else 1
        grads = torch.autograd.grad(scale * total, leaves, retain_graph=True)
        stacked = [torch.stack(grads[i : i + self.n]) for i in range(0, len(grads), self.n)]
        losses = self.case.each_loss(output, self.batch.y).detach()
        return losses, dict(zip(self.named, stacked, strict=True))

    def hessian_product(self, v: np.ndarray) -> np.ndarray:
        """H v for the network."""
        parts, start = [], 0
        flat = torch.as_tensor(v, dtype=torch.float64).flatten()
        for p in self.named.values():
            parts.append(flat[start : start + p.numel()].view(p.shape))
            start += p.numel()
        live = [(g, part) for g, part in zip(self._graph, parts, strict=True) if g.requires_grad]
        products = torch.autograd.grad(
            [g for g, _ in live],
            list(self.named.values()),
            [part for _, part in live],
            retain_graph=True,
            materialize_grads=True,
        )
        return torch.cat([h.flatten() for h in products]).numpy()

    @cached_property
    def max_eigenvalue(self) -> float:
        """λ_max of the Hessian, to the solver's precision."""
        size = sum(p.numel() for p in self.named.values())
        if size <= 40:
            columns = [self.hessian_product(e) for e in np.eye(size)]
            return float(np.linalg.eigvalsh(np.stack(columns))[-1])
        operator = LinearOperator((size, size), matvec=self.hessian_product, dtype=np.float64)
        start = np.random.default_rng(0).standard_normal(size)
        values = eigsh(operator, k=1, which="LA", v0=start, tol=1e-7, return_eigenvectors=False)
        return float(values[0])

    @cached_property
    def ggn_root(self) -> dict[str, Tensor]:
        """W = Jᵀ√(∇²_f L) by name, shape [N, K, *parameter]: G = Σ of its rows' outer products.

        K is the number of outputs of one sample; where batch statistics couple the samples, a row
        of J reaches beyond its own sample.
        """
        leaves, spec = tree_flatten(self._predict())
        outputs = torch.cat([leaf.reshape(self.n, -1) for leaf in leaves], 1)

        def loss(flat: Tensor) -> Tensor:
            parts = flat.view_as(outputs).split([leaf.numel() // self.n for leaf in leaves], 1)
            whole = [p.reshape(leaf.shape) for p, leaf in zip(parts, leaves, strict=True)]
            value = self.case.loss(tree_unflatten(whole, spec), self.batch.y)
            return value / self.n if self.case.reduction == "sum" else value

        matrix = torch.autograd.functional.hessian(loss, outputs.detach().flatten())
        values, vectors = torch.linalg.eigh(matrix)
        root = vectors * values.clamp_min(0).sqrt() @ vectors.T
        rows = [self._backward(outputs, row.view_as(outputs)) for row in root]
        stacked = [torch.stack(column) for column in zip(*rows, strict=True)]
        return {
            name: part.unflatten(0, outputs.shape)
            for name, part in zip(self.named, stacked, strict=True)
        }

    def _backward(self, output: Tensor, grad: Tensor | None = None) -> list[Tensor]:
        """The gradients of all parameters; the graph is kept."""
        parameters = list(self.named.values())
        options = {"retain_graph": True, "materialize_grads": True}
        return [_dense(g) for g in torch.autograd.grad(output, parameters, grad, **options)]

    @cached_property
    def diag_ggn(self) -> dict[str, Tensor]:
        """The diagonal of the generalized Gauss-Newton matrix of L, by name."""
        return {name: w.square().sum((0, 1)) for name, w in self.ggn_root.items()}

    def draws_of_diag_ggn(self, count: int, samples: int) -> list[dict[str, Tensor]]:
        """``count`` Monte-Carlo estimates of that diagonal, each the mean of ``samples`` draws."""
        generator = torch.Generator().manual_seed(0)
        shape = next(iter(self.ggn_root.values())).shape[:2]
        found = []
        for _ in range(count):
            z = torch.randn(samples, *shape, generator=generator, dtype=torch.float64)
            found.append({name: self._one_draw(w, z) for name, w in self.ggn_root.items()})
        return found

    def draws_of_diag_hessian(self, count: int, samples: int) -> list[dict[str, Tensor]]:
        """``count`` of Hutchinson's estimates of the Hessian's diagonal, of ``samples`` draws each.

        Few products serve all of them: each estimate takes its draws from one set, with
        replacement, and so has the spread of independent ones.
        """
        generator = np.random.default_rng(0)
        size = sum(p.numel() for p in self.named.values())
        signs = generator.choice([-1.0, 1.0], (4 * samples, size))
        products = torch.as_tensor(np.stack([v * self.hessian_product(v) for v in signs]))
        chosen = generator.integers(len(signs), size=(count, samples))
        sizes = [p.numel() for p in self.named.values()]
        return [
            dict(zip(self.named, products[rows].mean(0).split(sizes), strict=True))
            for rows in chosen
        ]

    def _one_draw(self, w: Tensor, z: Tensor) -> Tensor:
        if self.case.samples == "contributions":
            return torch.einsum("snk,nk...->s...", z, w).square().mean(0)
        return torch.einsum("snk,nk...->sn...", z, w).square().sum(1).mean(0)


def _dense(g: Tensor) -> Tensor:
    return g if g.layout == torch.strided else g.to_dense()
