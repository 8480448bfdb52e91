"""Trainings that several processes and one process do alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from cockpit import Cockpit, quantities
from cockpit.quantities.base import Quantity

STEPS = 4
WIDTH, CLASSES = 8, 3


class Branches(nn.Module):
    """Uses a branch only for batches whose first number is positive."""

    def __init__(self) -> None:
        super().__init__()
        self.always, self.seldom = nn.Linear(WIDTH, 5), nn.Linear(WIDTH, 5)
        self.head = nn.Linear(5, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.always(x) + (self.seldom(x) if x[0, 0] > 0 else 0)
        return self.head(torch.tanh(hidden))


MODELS: dict[str, Callable[[], nn.Module]] = {
    "mlp": lambda: nn.Sequential(nn.Linear(WIDTH, 7), nn.Tanh(), nn.Linear(7, CLASSES)),
    "conv": lambda: nn.Sequential(
        nn.Unflatten(1, (1, WIDTH)),
        nn.Conv1d(1, 3, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(3 * WIDTH, CLASSES),
    ),
    "batch norm": lambda: nn.Sequential(
        nn.Linear(WIDTH, 7, bias=False), nn.BatchNorm1d(7), nn.ReLU(), nn.Linear(7, CLASSES)
    ),
    "branches": Branches,
}
OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "adam": lambda p: torch.optim.Adam(p, lr=0.02),
}


def economy() -> list[Quantity]:
    """All first-order quantities."""
    names = (
        *("Loss", "Alpha", "Distance", "UpdateSize", "GradNorm", "NormTest", "InnerTest"),
        *("OrthoTest", "GradHist1d", "GradHist2d", "CABS", "EarlyStopping", "MeanGSNR", "Facts"),
    )
    return [getattr(quantities, name)() for name in names]


def business() -> list[Quantity]:
    """Also curvature along the axes, exactly."""
    return [
        *economy(),
        quantities.HessTrace(curvature="ggn"),
        quantities.TICDiag(curvature="ggn"),
        quantities.TICTrace(curvature="ggn"),
    ]


def full() -> list[Quantity]:
    """Also the largest eigenvalue."""
    return [*business(), quantities.HessMaxEV()]


@dataclass(frozen=True)
class Case:
    """One training.

    Attributes:
        model: Name of the model.
        config: Makes the quantities.
        sizes: Batch size of each rank, by the number of ranks.
        optimizer: Name of the optimizer.
        reduction: Of the loss.
        dtype: Of model and data.
        wrapper: Keyword arguments of DistributedDataParallel.
        keep: Whether ``zero_grad`` keeps the tensors.
        micro: Backward passes of a step, all but the last in ``no_sync()``.
        in_parts: Whether the one process takes the ranks' batches one after the other, because
            the model treats them differently.
        fair: Whether the user weighs the ranks' losses so that DDP's mean is that of all samples.
    """

    model: str = "mlp"
    config: Callable[[], list[Quantity]] = economy
    sizes: dict[int, tuple[int, ...]] = field(default_factory=lambda: {2: (4, 4), 3: (4, 4, 4)})
    optimizer: str = "sgd"
    reduction: str = "mean"
    dtype: torch.dtype = torch.float64
    wrapper: dict[str, Any] = field(default_factory=dict)
    keep: bool = False
    micro: int = 1
    in_parts: bool = False
    fair: bool = False


UNEQUAL = {2: (5, 3), 3: (5, 3, 1)}
CASES = {
    "economy": Case(optimizer="momentum"),
    "conv, full": Case("conv", full),
    "full, unequal": Case("mlp", full, UNEQUAL, optimizer="adam"),
    "conv, unequal": Case("conv", business, UNEQUAL),
    "unequal, weighed by the user": Case(sizes=UNEQUAL, fair=True),
    "sum": Case("mlp", full, UNEQUAL, reduction="sum"),
    "single precision": Case("conv", full, UNEQUAL, dtype=torch.float32),
    "gradients kept": Case(sizes=UNEQUAL, keep=True),
    "static graph": Case("mlp", full, wrapper={"static_graph": True}),
    "buckets": Case("conv", wrapper={"gradient_as_bucket_view": True, "bucket_cap_mb": 1e-5}),
    "unused on some ranks": Case(
        "branches", economy, UNEQUAL, wrapper={"find_unused_parameters": True}, in_parts=True
    ),
    "batch norm": Case("batch norm", sizes={2: (5, 3), 3: (5, 3, 2)}, in_parts=True),
    "no_sync": Case("mlp", business, UNEQUAL, micro=2, keep=True),
}


def network(case: Case) -> nn.Module:
    """The model, the same in all processes."""
    torch.manual_seed(0)
    return MODELS[case.model]().to(case.dtype)


def batches(case: Case, size: int, step: int) -> list[list[tuple[Tensor, Tensor]]]:
    """Micro-batches of a step, of each rank."""
    generator = torch.Generator().manual_seed(step)

    def draw(n: int) -> tuple[Tensor, Tensor]:
        x = torch.randn(n, WIDTH, generator=generator, dtype=torch.float64)
        return x.to(case.dtype), torch.randint(0, CLASSES, (n,), generator=generator)

    return [[draw(n + k) for k in range(case.micro)] for n in case.sizes[size]]


def train(
    case: Case,
    folder: Path | None,
    rank: int,
    size: int,
) -> tuple[dict[str, Tensor], list[list[Tensor | None]]]:
    """One rank's training; the final state, and the gradients of all steps."""
    net = network(case)
    model = DistributedDataParallel(net, **case.wrapper)
    loss_fn = nn.CrossEntropyLoss(reduction=case.reduction)
    optimizer = OPTIMIZERS[case.optimizer](model.parameters())
    cockpit = folder and Cockpit(model, loss_fn, optimizer, case.config(), folder, strict=True)
    gradients = []
    for step in range(STEPS):
        optimizer.zero_grad(set_to_none=not case.keep)
        mine = batches(case, size, step)[rank]
        for k, (x, y) in enumerate(mine):
            with model.no_sync() if k < case.micro - 1 else torch.enable_grad():
                loss = loss_fn(model(x), y)
                scaled = loss / case.micro
                if case.fair:
                    scaled = scaled * size * len(x) / sum(case.sizes[size])
                if cockpit is None:
                    scaled.backward()
                else:
                    with cockpit(step):
                        scaled.backward()
        gradients.append([None if p.grad is None else p.grad.clone() for p in net.parameters()])
        optimizer.step()
    if cockpit is not None:
        assert cockpit.latest
        cockpit.close()
    return net.state_dict(), gradients


def train_alone(
    case: Case, folder: Path, size: int, gradients: Sequence[Sequence[Tensor | None]]
) -> None:
    """One process on the whole batch, led along the same parameters by the ranks' gradients.

    Those are averaged; where it sums the samples up, its learning rate is as much smaller.
    """
    net = network(case)
    loss_fn = nn.CrossEntropyLoss(reduction=case.reduction)
    optimizer = OPTIMIZERS[case.optimizer](net.parameters())
    averaged = size if case.reduction == "sum" else 1
    for group in optimizer.param_groups:
        group["lr"] /= averaged
    with Cockpit(net, loss_fn, optimizer, case.config(), folder, strict=True) as cockpit:
        for step, given in enumerate(gradients):
            optimizer.zero_grad()
            pieces = [piece for rank in batches(case, size, step) for piece in rank]
            whole = [torch.cat(parts) for parts in zip(*pieces, strict=True)]
            for x, y in pieces if case.in_parts else [whole]:
                loss = loss_fn(net(x), y)
                with cockpit(step):
                    (loss * len(x)).backward()
            for p, grad in zip(net.parameters(), given, strict=True):
                p.grad = None if grad is None else averaged * grad
            optimizer.step()
