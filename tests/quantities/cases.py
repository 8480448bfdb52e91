"""The small trainings on which quantities meet their references."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn, optim

CLASSES = 3


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 4), nn.Sigmoid(), nn.Linear(4, CLASSES)
    )


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(3, 2, 2, stride=1),
        nn.Sigmoid(),
        nn.Flatten(),
        nn.Linear(8, CLASSES),
    )


def saturated() -> nn.Module:
    """A sigmoid far from its target: the squared error is concave there."""
    model = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())
    with torch.no_grad():
        model[0].weight.fill_(-1.5)
        model[0].bias.fill_(-1.5)
    return model


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int]] = {
    "mlp": (mlp, (4,), CLASSES),
    "cnn": (cnn, (2, 6, 6), CLASSES),
    "saturated": (saturated, (1,), 1),
}


def _class_weights() -> Tensor:
    return torch.tensor([0.5, 2.0, 1.0])


LOSSES: dict[str, Callable[[str], nn.Module]] = {
    "cross entropy": lambda reduction: nn.CrossEntropyLoss(reduction=reduction),
    "class weights": lambda reduction: nn.CrossEntropyLoss(_class_weights(), reduction=reduction),
    "label smoothing": lambda reduction: nn.CrossEntropyLoss(
        reduction=reduction, label_smoothing=0.1
    ),
    "weights and smoothing": lambda reduction: nn.CrossEntropyLoss(
        _class_weights(), reduction=reduction, label_smoothing=0.1
    ),
    "ignored class": lambda reduction: nn.CrossEntropyLoss(ignore_index=1, reduction=reduction),
    "ignored target": lambda reduction: nn.CrossEntropyLoss(reduction=reduction),
    "probabilities": lambda reduction: nn.CrossEntropyLoss(reduction=reduction),
    "smooth l1": lambda reduction: nn.SmoothL1Loss(reduction=reduction, beta=0.5),
    "mse": lambda reduction: nn.MSELoss(reduction=reduction),
    "bce": lambda reduction: nn.BCEWithLogitsLoss(reduction=reduction),
}
# Losses whose Hessian's diagonal BackPACK does not have, or would get wrong.
WITHOUT_EXACT_DIAGONAL = (
    *("class weights", "weights and smoothing", "ignored class", "ignored target"),
    *("bce", "smooth l1"),
)
# Losses whose targets have the shape of the outputs.
CONTINUOUS = ("mse", "smooth l1", "bce", "probabilities")


def _two_groups(model: nn.Module, scale: float) -> optim.Optimizer:
    weights = [p for name, p in model.named_parameters() if name.endswith("weight")]
    biases = [p for name, p in model.named_parameters() if name.endswith("bias")]
    groups = [{"params": weights, "lr": 0.2 * scale}, {"params": biases, "lr": 0.05 * scale}]
    return optim.SGD(groups)


OPTIMIZERS: dict[str, Callable[[nn.Module, float], optim.Optimizer]] = {
    "sgd": lambda model, scale: optim.SGD(model.parameters(), lr=0.1 * scale),
    "large step": lambda model, scale: optim.SGD(model.parameters(), lr=3.0 * scale),
    "momentum": lambda model, scale: optim.SGD(
        model.parameters(), lr=0.1 * scale, momentum=0.9, nesterov=True, weight_decay=0.01
    ),
    "adam": lambda model, scale: optim.Adam(model.parameters(), lr=0.02),
    "uphill": lambda model, scale: optim.SGD(model.parameters(), lr=0.1 * scale, maximize=True),
    "two groups": _two_groups,
    "resting": lambda model, scale: optim.SGD(model.parameters(), lr=0.0),
}


@dataclass(frozen=True)
class Case:
    """One small training, described by plain values.

    Attributes:
        network: Name in ``NETWORKS``.
        loss: Name in ``LOSSES``.
        reduction: "mean" or "sum"; the step is the same for both.
        dtype: Of parameters and inputs.
        optimizer: Name in ``OPTIMIZERS``.
        batch_sizes: One mini-batch per step.
        identical: Whether all samples of all batches are the same one.
        frozen: Names of the parameters that are not trained.
        scale: Of the inputs.
        one_batch: Whether every step sees the first mini-batch again.
    """

    network: str = "mlp"
    loss: str = "cross entropy"
    reduction: str = "mean"
    dtype: torch.dtype = torch.float64
    optimizer: str = "sgd"
    batch_sizes: tuple[int, ...] = (6, 6, 6)
    identical: bool = False
    frozen: tuple[str, ...] = field(default=())
    scale: float = 1.0
    one_batch: bool = False

    def __str__(self) -> str:
        """The network, the number format, and whatever is not default."""
        plain = Case()
        parts = [self.network, str(self.dtype).removeprefix("torch.")]
        names = ("loss", "reduction", "optimizer", "batch_sizes", "identical", "frozen", "scale")
        for name in names:
            value = getattr(self, name)
            if value != getattr(plain, name):
                parts.append(value if isinstance(value, str) else f"{name}={value}")
        return ", ".join(parts)

    def model(self, dtype: torch.dtype | None = None) -> nn.Module:
        """The network at its initialization, always the same."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(7)
            model = NETWORKS[self.network][0]()
        model = model.to(dtype or self.dtype)
        for name, p in model.named_parameters():
            p.requires_grad_(name not in self.frozen)
        return model

    def loss_fn(self, dtype: torch.dtype | None = None) -> nn.Module:
        return LOSSES[self.loss](self.reduction).to(dtype or self.dtype)

    def make_optimizer(self, model: nn.Module) -> optim.Optimizer:
        scale = 1.0 / self.batch_sizes[0] if self.reduction == "sum" else 1.0
        return OPTIMIZERS[self.optimizer](model, scale)

    def batches(self) -> list[tuple[Tensor, Tensor]]:
        """One (x, y) per step, in the case's own dtype."""
        generator = torch.Generator().manual_seed(11)
        _, shape, outputs = NETWORKS[self.network]
        batches = []
        for n in self.batch_sizes:
            x = self.scale * torch.randn(n, *shape, generator=generator, dtype=torch.float64)
            y = torch.randint(outputs, (n,), generator=generator)
            if self.loss == "ignored target":
                y[0] = -100
            if self.loss in CONTINUOUS:
                y = torch.rand(n, outputs, generator=generator, dtype=torch.float64).to(self.dtype)
                y = {"bce": y.round(), "probabilities": y / y.sum(1, keepdim=True)}.get(
                    self.loss, y
                )
            if self.network == "saturated":
                x, y = 1.0 + 0.1 * x, torch.ones(n, 1, dtype=self.dtype)
            batches.append((x.to(self.dtype), y))
        if self.one_batch:
            return batches[:1] * len(batches)
        if self.identical:
            x, y = batches[0]
            return [(x[:1].repeat(n, *[1] * len(shape)), y[:1].expand(n)) for n in self.batch_sizes]
        return batches


GRID = [
    Case(network=network, reduction=reduction, dtype=dtype)
    for network in ("mlp", "cnn")
    for reduction in ("mean", "sum")
    for dtype in (torch.float64, torch.float32)
]
ODD = [
    Case(network="cnn", batch_sizes=(6, 6, 2)),
    Case(network="cnn", batch_sizes=(6, 6, 2), reduction="sum"),
    Case(network="cnn", batch_sizes=(2, 9, 3)),
    Case(optimizer="momentum"),
    Case(optimizer="adam"),
    Case(optimizer="adam", reduction="sum", dtype=torch.float32),
    Case(optimizer="two groups"),
    Case(optimizer="two groups", reduction="sum"),
    Case(optimizer="uphill"),
    Case(optimizer="large step"),
    Case(frozen=("0.weight", "2.bias")),
    Case(network="cnn", frozen=("0.weight", "0.bias")),
    Case(loss="mse"),
    Case(loss="mse", reduction="sum", dtype=torch.float32),
    Case(loss="bce"),
    Case(loss="bce", reduction="sum"),
    Case(loss="class weights"),
    Case(loss="class weights", reduction="sum"),
    Case(loss="label smoothing"),
    Case(loss="ignored class"),
    Case(loss="ignored class", reduction="sum"),
    Case(loss="ignored target"),
    Case(loss="probabilities"),
    Case(loss="smooth l1"),
    Case(loss="weights and smoothing"),
    Case(network="saturated", loss="mse", optimizer="large step"),
]
