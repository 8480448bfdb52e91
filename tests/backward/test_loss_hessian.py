"""SSᵀ against the loss's full Hessian with respect to the model's output."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cockpit.backward.extensions import Unsupported
from cockpit.backward.loss_hessian import DenseRoot, ElementwiseRoot, SoftmaxRoot
from cockpit.backward.loss_hessian import root_of_loss_hessian as root_of

N, C, T = 4, 3, 2
WEIGHT = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
LABELS = torch.tensor([0, 2, 1, 2])
TOKENS = torch.tensor([[0, 2], [1, 1], [2, -100], [0, 1]])


def logits(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)


def probabilities(*shape: int) -> Tensor:
    return logits(*shape).detach().flip(0).softmax(1)


def welsch(output: Tensor, target: Tensor) -> Tensor:
    """A loss of the user's own whose rows are independent but whose outputs are not."""
    return (1 + (output - target).square().sum(1)).sqrt().mean()


def classes_last(output: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(output.reshape(-1, C), target.reshape(-1), reduction="sum")


def weighted(output: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(output, target, WEIGHT, label_smoothing=0.1)


CASES: dict[str, tuple[Callable, tuple[int, ...], Tensor, type]] = {
    "cross-entropy": (nn.CrossEntropyLoss(), (N, C), LABELS, SoftmaxRoot),
    "summed": (nn.CrossEntropyLoss(reduction="sum"), (N, C), LABELS, SoftmaxRoot),
    "weighted": (nn.CrossEntropyLoss(WEIGHT), (N, C), LABELS, SoftmaxRoot),
    "smoothed": (
        nn.CrossEntropyLoss(WEIGHT, label_smoothing=0.2),
        (N, C),
        LABELS,
        SoftmaxRoot,
    ),
    "ignored": (nn.CrossEntropyLoss(ignore_index=2), (N, C), LABELS, SoftmaxRoot),
    "tokens": (nn.CrossEntropyLoss(WEIGHT), (N, C, T), TOKENS, SoftmaxRoot),
    "soft targets": (
        nn.CrossEntropyLoss(WEIGHT, label_smoothing=0.1),
        (N, C),
        probabilities(N, C),
        SoftmaxRoot,
    ),
    "functional": (F.cross_entropy, (N, C), LABELS, SoftmaxRoot),
    "functional, tokens": (F.cross_entropy, (N, C, T), TOKENS, SoftmaxRoot),
    "functional, classes last": (classes_last, (N, T, C), TOKENS, SoftmaxRoot),
    "functional, weighted": (weighted, (N, C), LABELS, SoftmaxRoot),
    "own": (welsch, (N, C), probabilities(N, C), DenseRoot),
    "squared error": (nn.MSELoss(), (N, C), probabilities(N, C), ElementwiseRoot),
    "binary": (nn.BCEWithLogitsLoss(), (N, C), probabilities(N, C), ElementwiseRoot),
    "binary, flat": (nn.BCEWithLogitsLoss(), (N,), probabilities(N, 1)[:, 0], ElementwiseRoot),
}


def build(name: str):
    loss_fn, shape, target, kind = CASES[name]
    output = logits(*shape)
    loss = loss_fn(output, target)
    full = torch.autograd.functional.hessian(lambda f: loss_fn(f, target), output)
    generator = torch.Generator().manual_seed(0)
    root = root_of(loss, output, loss_fn, target, generator)
    assert type(root) is kind
    return root, full.reshape(output.numel(), output.numel()), generator


def block_diagonal(matrix: Tensor) -> Tensor:
    """Zero between samples, as the columns of different samples are backpropagated together."""
    size = len(matrix) // N
    mask = torch.block_diag(*[torch.ones(size, size, dtype=torch.bool)] * N)
    return matrix * mask


@pytest.mark.parametrize("name", CASES)
def test_columns_rebuild_the_hessian(name: str) -> None:
    root, full, _ = build(name)
    rebuilt = sum(torch.outer(c.flatten(), c.flatten()) for c in root.columns())
    torch.testing.assert_close(block_diagonal(rebuilt), full, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_samples_rebuild_it_on_average(name: str) -> None:
    root, full, generator = build(name)
    draws = torch.stack([root.sample(generator).flatten() for _ in range(4000)])
    torch.testing.assert_close(draws.T @ draws / len(draws), full, rtol=0, atol=0.02)


def test_linear_loss_is_refused() -> None:
    output = logits(N, C)
    with pytest.raises(Unsupported, match="linear"):
        root_of(F.nll_loss(output, LABELS), output, F.nll_loss, LABELS, torch.Generator())


def test_loss_that_couples_the_samples_is_refused() -> None:
    output = logits(N, C)
    loss = (output @ output.T).square().sum()
    with pytest.raises(Unsupported, match="couples"):
        root_of(loss, output, None, None, torch.Generator().manual_seed(1))


def test_too_many_dense_outputs_are_refused() -> None:
    output = logits(N, 200)
    loss = (1 + output.square().sum(1)).sqrt().sum()
    with pytest.raises(Unsupported, match="128"):
        root_of(loss, output, None, None, torch.Generator().manual_seed(1))


@pytest.mark.parametrize("seed", range(8))
def test_two_samples_that_are_compared_are_refused_whatever_is_drawn(seed: int) -> None:
    output = torch.tensor([[0.3, -1.0], [0.7, 0.2]], requires_grad=True)
    loss = (output[0] - output[1]).square().sum() + output.norm(dim=1).mean()
    generator = torch.Generator().manual_seed(seed)
    with pytest.raises(Unsupported, match="couples the samples"):
        root_of(loss, output, None, None, generator)
