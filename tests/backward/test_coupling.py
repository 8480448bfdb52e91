"""Losses that compare samples are told from those that are sums over samples."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cockpit.backward.coupling import couples_samples

N, C = 5, 3
LABELS = torch.tensor([0, 2, 1, 2, 0])

SUMS: dict[str, Callable[[Tensor], Tensor]] = {
    "cross-entropy": lambda f: F.cross_entropy(f, LABELS),
    "summed": lambda f: F.cross_entropy(f, LABELS, reduction="sum"),
    "absolute error": lambda f: F.l1_loss(f, torch.zeros_like(f)),
    "squared error": lambda f: F.mse_loss(f, torch.zeros_like(f)),
    "several terms": lambda f: F.cross_entropy(f, LABELS) + f.norm(dim=1).mean(),
}
COUPLED: dict[str, Callable[[Tensor], Tensor]] = {
    "spread over the batch": lambda f: F.cross_entropy(f, LABELS) + f.var(0).sum(),
    "every sample against every other": lambda f: F.cross_entropy(f @ f.T, torch.arange(N)),
    "a norm of the whole": lambda f: f.norm(),
}


def found(loss: Callable[[Tensor], Tensor], *shape: int) -> bool:
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(*shape, generator=generator, requires_grad=True)
    return couples_samples(loss(output), output, N, generator)


@pytest.mark.parametrize("name", SUMS)
def test_sums_over_samples(name: str) -> None:
    assert not found(SUMS[name], N, C)


@pytest.mark.parametrize("name", COUPLED)
def test_coupled(name: str) -> None:
    assert found(COUPLED[name], N, C)


def test_tokens_of_one_sample_may_know_each_other() -> None:
    assert not found(lambda f: f.unflatten(0, (N, 2)).sum(1).tanh().square().mean(), 2 * N, C)


def test_what_has_no_second_derivative_is_no_fault() -> None:
    lengths = torch.full((N,), 6), torch.full((N,), 2)

    def ctc(f: Tensor) -> Tensor:
        scores = f.log_softmax(2).transpose(0, 1)
        return F.ctc_loss(scores, torch.ones(N, 2, dtype=torch.long), *lengths)

    assert not found(ctc, N, 6, C)
