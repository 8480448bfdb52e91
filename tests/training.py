"""A small network in the usual training loop, with a cockpit and without one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cockpit import Cockpit, RunLog, quantities
from tests import references

__all__ = [
    "NoCockpit",
    "Training",
    "batch",
    "beside_references",
    "every_quantity",
    "mlp",
    "norm_test",
    "state",
]

NAMES = (
    *("Loss", "GradNorm", "NormTest", "InnerTest", "OrthoTest", "GradHist1d", "GradHist2d"),
    *("MeanGSNR", "CABS", "EarlyStopping", "UpdateSize", "Distance", "Alpha"),
)


def mlp(dtype: torch.dtype = torch.float64) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)).to(dtype)


def batch(seed: int, size: int = 8, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Samples for :func:`mlp`."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 5, generator=generator, dtype=torch.float64).to(dtype)
    return x, torch.randint(0, 3, (size,), generator=generator)


def every_quantity() -> list[Any]:
    """All first-order quantities, and curvature by exact methods."""
    chosen = [getattr(quantities, name)() for name in NAMES]
    return [*chosen, quantities.HessTrace(curvature="ggn"), quantities.TICDiag(curvature="ggn")]


class NoCockpit:
    """Stands in the loop where a cockpit would, and does nothing."""

    def __call__(self, step: int, **_: Any) -> AbstractContextManager:
        return nullcontext()

    def close(self) -> None:
        pass


class Training:
    """The loop of the README, in pieces: a test puts between them what it is about.

    Args:
        folder: Of the log; without one there is no cockpit.
        model: Default: :func:`mlp`.
        loss_fn: Default: cross-entropy.
        optimizer: Or several, of which the loop uses the first; default: SGD.
        lr: Its learning rate.
        batches: The mini-batch of each step.
        known: Whether the cockpit is told of the optimizer.
        **options: Of the cockpit, which is strict unless they say otherwise.
    """

    def __init__(
        self,
        folder: Path | None,
        model: nn.Module | None = None,
        loss_fn: Any = None,
        optimizer: Any = None,
        lr: float = 0.3,
        batches: Callable[[int], tuple[Tensor, Tensor]] = batch,
        known: bool = True,
        **options: Any,
    ) -> None:
        self.folder, self.batches = folder, batches
        self.model = mlp() if model is None else model
        self.loss_fn = nn.CrossEntropyLoss() if loss_fn is None else loss_fn
        several = optimizer or torch.optim.SGD(self.model.parameters(), lr=lr)
        self.optimizer = several[0] if isinstance(several, list) else several
        self.cockpit: Any = NoCockpit()
        if folder is not None:
            options = {"strict": True, **options}
            told = several if known else None
            self.cockpit = Cockpit(self.model, self.loss_fn, told, logdir=folder, **options)

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        return self.loss_fn(self.model(x), y)

    def differentiate(
        self,
        step: int,
        of: tuple[Tensor, Tensor] | None = None,
        backward: Callable[[Tensor], None] = Tensor.backward,
        **told: Callable[[Tensor], Any],
    ) -> Tensor:
        """The tracked backward pass of a mini-batch, by default the step's; its loss.

        ``told`` is what the context is told besides, as functions of the loss.
        """
        loss = self.loss(*(of or self.batches(step)))
        with self.cockpit(step, **{name: value(loss) for name, value in told.items()}):
            backward(loss)
        return loss

    def step(self, step: int, **options: Any) -> None:
        """A whole step; the options are those of :meth:`differentiate`."""
        self.optimizer.zero_grad()
        self.differentiate(step, **options)
        self.optimizer.step()

    def run(self, steps: Iterable[int], **options: Any) -> Training:
        """Some steps."""
        for step in steps:
            self.step(step, **options)
        return self

    def close(self) -> RunLog | None:
        """The end; what was logged."""
        self.cockpit.close()
        return None if self.folder is None else RunLog(self.folder)


def norm_test(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Of the cross-entropy, by a loop over the samples."""
    gradients = references.individual_gradients(model, nn.CrossEntropyLoss(), x, y)
    return references.norm_test(gradients).network


def beside_references(
    training: Training,
    steps: int = 3,
    reference: Callable[[nn.Module, Tensor, Tensor], float] = norm_test,
) -> tuple[RunLog | None, list[float]]:
    """Train; the log, and the norm test that a naive loop finds before each step."""
    expected = []
    for step in range(steps):
        expected.append(reference(training.model, *training.batches(step)))
        training.step(step)
    return training.close(), expected


def state(model: nn.Module) -> dict[str, Tensor]:
    """Copies of the parameters by name."""
    return {name: p.detach().clone() for name, p in model.named_parameters()}
