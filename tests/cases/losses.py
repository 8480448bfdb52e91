"""Losses, on a small network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.cases.case import CLASSES, VECTORS, Batch, Case, N, sgd
from tests.cases.forms import perceptron

__all__ = ["CASES"]

T = 3


def weights() -> Tensor:
    return torch.tensor([0.5, 2.0, 1.0], dtype=torch.float64)


def recurrent() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, CLASSES))


def token_level(with_ignored: bool = False) -> Callable[[], Batch]:
    def batch() -> Batch:
        y = torch.randint(CLASSES, (N, T))
        if with_ignored:
            y[0, :2], y[2, 0] = -100, -100
        return Batch(torch.randn(N, T, 4, dtype=torch.float64), y)

    return batch


def continuous(low: float = -1.0) -> Callable[[], Batch]:
    def batch() -> Batch:
        y = low + torch.rand(N, CLASSES, dtype=torch.float64) * (1 - low)
        return Batch(torch.randn(N, 5, dtype=torch.float64), y)

    return batch


def binary() -> Batch:
    x = torch.randn(N, 5, dtype=torch.float64)
    return Batch(x, torch.rand(N, CLASSES, dtype=torch.float64).round())


def distributions() -> Batch:
    x = torch.randn(N, 5, dtype=torch.float64)
    return Batch(x, torch.randn(N, CLASSES, dtype=torch.float64).softmax(1))


def with_log_softmax() -> nn.Module:
    return nn.Sequential(*perceptron(), nn.LogSoftmax(1))


def with_ignored_class() -> Batch:
    return Batch(torch.randn(N, 5, dtype=torch.float64), torch.tensor([0, 1, 2, 1]))


def tokens_second(model: nn.Module, x: Tensor) -> Tensor:
    return model(x).transpose(1, 2)


def tokens_folded(model: nn.Module, x: Tensor) -> Tensor:
    return model(x).reshape(-1, CLASSES)


class FoldedCrossEntropy(nn.CrossEntropyLoss):
    """As nearly every language model calls it: all tokens of all samples in one axis."""

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return super().forward(output, target.flatten())


def folded(output: Tensor, y: Tensor, n: int) -> Tensor:
    """ℓₙ of a mean over all N·T tokens is the mean over the sample's own."""
    return F.cross_entropy(output, y[n])


class Alignment(nn.Module):
    """CTC-like: the best of all monotone alignments, as a log-sum over them (forward algorithm)."""

    def forward(self, output: Tensor, y: Tensor) -> Tensor:
        scores = output.log_softmax(2)
        first = scores[:, :, :2].unbind(1)
        alpha = torch.stack([first[0][:, 0], torch.full_like(first[0][:, 0], -20.0)], 1)
        for now in first[1:]:
            stay = alpha + now
            move = alpha[:, 0] + now[:, 1]
            alpha = torch.stack([stay[:, 0], torch.logaddexp(stay[:, 1], move)], 1)
        return -(alpha[:, 1] * (1 + y[:, 0])).mean()


def ctc(output: Tensor, y: Tensor) -> Tensor:
    """torch's own, whose mean divides each sample by the length of its target."""
    lengths = torch.full((len(output),), output.shape[1])
    targets = torch.full((len(output),), 2)
    scores = output.log_softmax(2).transpose(0, 1)
    return F.ctc_loss(scores, 1 + 0 * y[:, :2], lengths, targets, zero_infinity=True)


def several(output: Tensor, y: Tensor) -> Tensor:
    """A classification and two auxiliary terms, each a mean over samples."""
    return (
        F.cross_entropy(output, y)
        + 0.3 * output.square().mean()
        + 0.1 * F.smooth_l1_loss(output.sum(1), y.double())
    )


def decay(model: nn.Module) -> Tensor:
    """0.05 ‖θ‖²: a term of the weights, not of the samples."""
    return 0.05 * sum(p.square().sum() for p in model.parameters())


def with_batch_term(output: Tensor, y: Tensor) -> Tensor:
    """A term that knows the whole mini-batch: the spread of the outputs over it."""
    return F.cross_entropy(output, y) + 0.5 * output.var(0).sum()


def contrastive(output: Tensor, y: Tensor) -> Tensor:
    """Every sample against every other (InfoNCE)."""
    code = F.normalize(output, dim=1)
    return F.cross_entropy(code @ code.flip(0).T, torch.arange(len(code)))


SEEN = nn.CrossEntropyLoss()  # by the cockpit, in loops that do more with its value


def plus_a_term(output: Tensor, y: Tensor) -> Tensor:
    return SEEN(output, y) + 0.3 * output.square().mean()


def weighed_terms(output: Tensor, y: Tensor) -> Tensor:
    """As in distillation: no term has the scale of the objective."""
    return 0.1 * SEEN(output, y) + 0.9 * F.mse_loss(output.softmax(1), output.detach().softmax(1))


def root(output: Tensor, y: Tensor) -> Tensor:
    return SEEN(output, y).sqrt()


class OfKnownTokens(nn.CrossEntropyLoss):
    """Padding (class 0 here) is taken out before the mean: another number of tokens each time."""

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return super().forward(output[target > 0], target[target > 0])


def known_tokens() -> Batch:
    """Four of the twelve, a number that would divide among the samples."""
    y = torch.zeros(N, T, dtype=torch.long)
    y[0], y[1, 0] = torch.tensor([1, 2, 1]), 2
    return Batch(torch.randn(N, T, 4, dtype=torch.float64), y[torch.randperm(N)])


def its_tokens(output: Tensor, y: Tensor, n: int) -> Tensor:
    """ℓₙ: N/M times the sum over the sample's own of all M tokens."""
    known = y > 0
    total = F.cross_entropy(output[0][known[n]], y[n][known[n]], reduction="sum")
    return total * len(y) / known.sum()


def loss(name: str, loss: Any, batch: Callable[[], Batch] = VECTORS, **options: Any) -> Case:
    return Case(name, options.pop("model", perceptron), batch, loss, **options)


def summed(lr: float = 0.1) -> dict[str, Any]:
    return {"reduction": "sum", "optimizer": lambda model: sgd(model, lr)}


def token(name: str, loss_fn: Any, ignored: bool = False, **options: Any) -> Case:
    return Case(name, recurrent, token_level(ignored), loss_fn, **options)


# The single sample has no loss of its own; quantities that need one are to be absent.
NO_LOSSES = {"individual": lambda output, y, n: output.sum() * torch.nan}

CASES = [
    loss("cross-entropy, sum", nn.CrossEntropyLoss(reduction="sum"), **summed()),
    loss("cross-entropy, class weights", nn.CrossEntropyLoss(weights())),
    loss(
        "cross-entropy, class weights, sum",
        nn.CrossEntropyLoss(weights(), reduction="sum"),
        **summed(),
    ),
    loss("cross-entropy, label smoothing", nn.CrossEntropyLoss(label_smoothing=0.1)),
    loss(
        "cross-entropy, weights and smoothing",
        nn.CrossEntropyLoss(weights(), label_smoothing=0.1),
    ),
    loss("cross-entropy, ignore_index", nn.CrossEntropyLoss(ignore_index=1), with_ignored_class),
    loss("cross-entropy with probabilities", nn.CrossEntropyLoss(), distributions),
    token("cross-entropy of tokens", nn.CrossEntropyLoss(), predict=tokens_second),
    token(
        "cross-entropy of tokens, ignore_index",
        nn.CrossEntropyLoss(),
        True,
        predict=tokens_second,
    ),
    token(
        "cross-entropy of tokens, folded into rows",
        FoldedCrossEntropy(),
        predict=tokens_folded,
        individual=folded,
    ),
    loss("squared error", nn.MSELoss(), continuous()),
    loss("squared error, sum", nn.MSELoss(reduction="sum"), continuous(), **summed(0.05)),
    loss("absolute error", nn.L1Loss(), continuous()),
    loss("absolute error, sum", nn.L1Loss(reduction="sum"), continuous(), **summed(0.05)),
    loss("smooth absolute error", nn.SmoothL1Loss(beta=0.5), continuous()),
    loss("binary cross-entropy with logits", nn.BCEWithLogitsLoss(), binary),
    loss(
        "binary cross-entropy, pos_weight, sum",
        nn.BCEWithLogitsLoss(pos_weight=weights(), reduction="sum"),
        binary,
        **summed(),
    ),
    loss("negative log-likelihood", nn.NLLLoss(), model=with_log_softmax),
    loss("negative log-likelihood, functional", F.nll_loss, model=with_log_softmax),
    loss(
        "Kullback-Leibler, batchmean",
        nn.KLDivLoss(reduction="batchmean"),
        distributions,
        model=with_log_softmax,
        individual=lambda output, y, n: F.kl_div(output, y[n : n + 1], reduction="sum"),
    ),
    loss(
        "Kullback-Leibler, functional",
        lambda f, y: F.kl_div(f.log_softmax(1), y, reduction="batchmean"),
        distributions,
        tells=True,
    ),
    token(
        "own alignment loss, module",
        Alignment(),
        individual=lambda output, y, n: Alignment()(output, y[n : n + 1]),
    ),
    token(
        "CTC, functional",
        ctc,
        individual=lambda output, y, n: ctc(output, y[n : n + 1]),
        tells=True,
    ),
    loss("several losses added up, functional", several, tells=True),
    loss("several losses added up, unknown individual losses", several),
    loss("L2 penalty in the loss", nn.CrossEntropyLoss(), penalty=decay, samples="none"),
    loss("L2 penalty in a functional loss", F.cross_entropy, penalty=decay, samples="none"),
    loss("module loss plus a term, loss not told", plus_a_term, seen=SEEN),
    loss("tenth of a module loss plus a term, loss not told", weighed_terms, seen=SEEN),
    loss("root of a module loss, loss not told", root, seen=SEEN, samples="contributions"),
    Case(
        "cross-entropy of tokens, selected by a mask",
        recurrent,
        known_tokens,
        OfKnownTokens(),
        individual=its_tokens,
    ),
    loss("batch-level term", with_batch_term, samples="contributions", **NO_LOSSES),
    loss("contrastive", contrastive, samples="contributions", **NO_LOSSES),
]
