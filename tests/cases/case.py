"""What a case is: one small model in one training loop, described by plain functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn, optim
from torch.utils._pytree import tree_leaves, tree_map, tree_map_only

from tests import references
from tests.cases import loops
from tests.cases.run import Run

__all__ = ["Batch", "Case", "VECTORS", "classes", "joined", "seeded", "sgd"]

N = 4  # samples in a mini-batch, unless a case needs another number
CLASSES = 3


@dataclass(frozen=True)
class Batch:
    """A mini-batch: nested containers of tensors, samples on the first axis of each."""

    x: Any
    y: Any

    def __len__(self) -> int:
        return len(tree_leaves(self.x)[0])

    def part(self, start: int, stop: int) -> Batch:
        """The samples from ``start`` to ``stop``."""
        return Batch(rows(self.x, start, stop), rows(self.y, start, stop))

    def to(self, dtype: torch.dtype) -> Batch:
        """With its floating-point tensors in another number format."""
        return Batch(_cast(self.x, dtype), _cast(self.y, dtype))


def rows(nested: Any, start: int, stop: int) -> Any:
    return tree_map_only(Tensor, lambda t: t[start:stop], nested)


def joined(parts: Sequence[Any]) -> Any:
    """Nested containers of tensors, one after the other along the samples."""
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], Batch):
        return Batch(joined([part.x for part in parts]), joined([part.y for part in parts]))
    return tree_map(lambda *leaves: torch.cat(leaves), *parts)


def _cast(nested: Any, dtype: torch.dtype) -> Any:
    return tree_map_only(Tensor, lambda t: t.to(dtype) if t.is_floating_point() else t, nested)


def classes(*shape: int, n: int = N, rows: tuple[int, ...] = (), k: int = CLASSES) -> Callable:
    """Makes mini-batches of ``n`` normal inputs with one of ``k`` classes for each of ``rows``."""
    return lambda: Batch(torch.randn(n, *shape, dtype=torch.float64), torch.randint(k, (n, *rows)))


VECTORS = classes(5)  # what most cases are trained with


def seeded(seed: int, function: Callable[[], Any]) -> Any:
    """What ``function`` returns when torch's random numbers begin with ``seed``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return function()


def sgd(model: nn.Module, lr: float = 0.3) -> optim.Optimizer:
    """Steps that are large: what is taken at the wrong end of one shows."""
    return optim.SGD(model.parameters(), lr=lr)


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        name: As the table says it; unique.
        model: Makes the model, in double precision; always the same one.
        batch: Makes a mini-batch.
        loss: A module, or a function of (output, y); as the user's loop calls it.
        seen: The module that the cockpit is given, where the loop computes its loss from that.
        predict: How the loop calls the model with a batch's x.
        samples: What the gradient of a single sample is. ``alone``: that of the sample by itself;
            ``together``: that of its loss in the batch, which holds the same random numbers;
            ``contributions``: what it adds to the batch gradient, as batch statistics couple the
            samples; ``none``: not defined.
        individual: ℓₙ from (output of sample n alone, all of y, n); where the loss does not say.
        penalty: A further term of the loss that depends on the model alone.
        reduction: ``mean`` or ``sum``.
        optimizer: Makes the optimizer, or several.
        loop: The training loop.
        wrap: What the user does to the model before the training.
        dtype: Of the parameters in the training; the reference computes in double precision.
        autocast: Number format of the forward pass, if the loop has one.
        rtol: Largest relative error that counts as exact.
        tells: Whether the loop passes the individual losses to the cockpit.
        overflowing: Steps whose gradients are not finite.
        steps: Length of the training.
        shares: Samples of each rank, where several processes train; none: one process does.
        apart: Whether each rank's forward pass knows its own samples only.
    """

    name: str
    model: Callable[[], nn.Module]
    batch: Callable[[], Batch] = VECTORS
    loss: Callable[..., Tensor] = field(default_factory=nn.CrossEntropyLoss)
    seen: nn.Module | None = None
    predict: Callable[[nn.Module, Any], Any] = lambda model, x: model(x)
    samples: Literal["alone", "together", "contributions", "none"] = "alone"
    individual: Callable[[Any, Any, int], Tensor] | None = None
    penalty: Callable[[nn.Module], Tensor] | None = None
    reduction: Literal["mean", "sum"] = "mean"
    optimizer: Callable[[nn.Module], Any] = sgd
    loop: Callable[[Run], None] = loops.plain
    wrap: Callable[[nn.Module], nn.Module] = lambda model: model
    dtype: torch.dtype = torch.float64
    autocast: torch.dtype | None = None
    rtol: float = 1e-6
    tells: bool = False
    overflowing: tuple[int, ...] = ()
    steps: int = 3
    shares: tuple[int, ...] = ()
    apart: bool = True

    def fresh(self) -> nn.Module:
        """The model at its initialization."""
        return seeded(7, self.model).double()

    def batches(self) -> list[Batch]:
        """One mini-batch for each step."""
        return [seeded(100 + step, self.batch) for step in range(self.steps)]

    def share(self, batch: Batch, rank: int) -> Batch:
        """What a rank has of a mini-batch."""
        if not self.shares:
            return batch
        start = sum(self.shares[:rank])
        return batch.part(start, start + self.shares[rank])

    def parts(self, batch: Batch) -> list[Batch]:
        """A mini-batch, cut into what goes through the model at once."""
        if not self.apart or not self.shares:
            return [batch]
        return [self.share(batch, rank) for rank in range(len(self.shares))]

    def beginning(self, batch: Batch, samples: int) -> tuple[Case, Batch]:
        """The first micro-batches, together so many samples, as a case and a batch of their own."""
        if not self.shares:
            return self, batch.part(0, samples)
        each = samples // len(self.shares)
        parts = [self.share(batch, rank).part(0, each) for rank in range(len(self.shares))]
        return replace(self, shares=(each,) * len(self.shares)), joined(parts)

    def total(self, model: nn.Module, output: Any, y: Any) -> Tensor:
        """The loss of the loop."""
        loss = self.loss(output, y)
        return loss if self.penalty is None else loss + self.penalty(model)

    def each_loss(self, output: Any, y: Any) -> Tensor:
        """ℓₙ of every sample from the output of the whole mini-batch, shape [N]."""
        count = len(tree_leaves(y)[0])
        return torch.stack([self.one_loss(rows(output, n, n + 1), y, n) for n in range(count)])

    def one_loss(self, output: Any, y: Any, n: int) -> Tensor:
        """ℓₙ from sample n's own output; ``y`` is that of the whole mini-batch."""
        if self.individual is not None:
            return self.individual(output, y, n)
        if isinstance(self.loss, nn.Module):
            return references.individual_outputs_loss(self.loss, output, y, n)
        return self.loss(output, rows(y, n, n + 1))
