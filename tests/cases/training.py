"""Training loops, around a small network."""

from __future__ import annotations

import torch
from torch import Tensor, nn, optim

from tests.cases import loops
from tests.cases.case import CLASSES, Batch, Case, classes, sgd
from tests.cases.forms import perceptron

__all__ = ["CASES"]


def two_groups(model: nn.Module) -> optim.Optimizer:
    first, last = list(model[0].parameters()), list(model[2].parameters())
    return optim.SGD([{"params": first, "lr": 0.5}, {"params": last, "lr": 0.1}])


def two_optimizers(model: nn.Module) -> list[optim.Optimizer]:
    return [
        optim.SGD(model[0].parameters(), lr=0.4),
        optim.Adam(model[2].parameters(), lr=0.1),
    ]


def frozen() -> nn.Module:
    model = perceptron()
    model[0].requires_grad_(False)
    return model


def half_frozen() -> nn.Module:
    model = perceptron()
    model[0].weight.requires_grad_(False)
    model[2].bias.requires_grad_(False)
    return model


def thaw(model: nn.Module) -> list[nn.Parameter]:
    model[0].requires_grad_(True)
    return []


def freeze(model: nn.Module) -> list[nn.Parameter]:
    model[0].requires_grad_(False)
    for p in model[0].parameters():
        p.grad = None
    return []


class Adapted(nn.Module):
    """Hu et al. (2021): a layer that stays, and two small ones beside it that learn."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer = layer.requires_grad_(False)
        options = {"bias": False, "dtype": layer.weight.dtype}
        self.down = nn.Linear(layer.in_features, 2, **options)
        self.up = nn.Linear(2, layer.out_features, **options)
        with torch.no_grad():
            self.down.weight.copy_(torch.linspace(-1, 1, self.down.weight.numel()).view(2, -1))
            self.up.weight.fill_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + self.up(self.down(x))


def adapt(model: nn.Module) -> list[nn.Parameter]:
    """Put an adapter around the first layer."""
    model[0] = Adapted(model[0])
    return [p for p in model[0].parameters() if p.requires_grad]


def replace_head(model: nn.Module) -> list[nn.Parameter]:
    """A new last layer, as in transfer learning."""
    head = nn.Linear(6, CLASSES, dtype=model[2].weight.dtype)
    with torch.no_grad():
        head.weight.copy_(torch.linspace(-1, 1, 18).view(CLASSES, 6))
        head.bias.fill_(0.2)
    model[2] = head
    return list(head.parameters())


def uneven() -> Batch:
    """A mini-batch of another size each time."""
    return classes(5, n=2 + int(torch.randint(5, ())))()


def loop(name: str, loop=loops.plain, model=perceptron, **options) -> Case:
    return Case(name, model, loop=loop, **options)


CASES = [
    loop("batches of different size", batch=uneven, steps=4),
    loop("accumulation, context around each micro-batch", loops.accumulating),
    loop("accumulation, one context around all", loops.accumulating_inside),
    loop("accumulation, micro-batches of different size", loops.accumulating_unevenly),
    loop("gradient clipping", loops.clipping),
    loop("zero_grad(set_to_none=False)", loops.zeroing_in_place),
    loop("model.zero_grad() after the step, graph retained", loops.zeroing_late),
    loop("validation in between", loops.validating),
    loop("momentum, weight decay", optimizer=lambda m: optim.SGD(m.parameters(), 0.2, 0.9, 0, 0.1)),
    loop("Adam", optimizer=lambda m: optim.Adam(m.parameters(), lr=0.1)),
    loop("parameter groups", optimizer=two_groups),
    loop("several optimizers", optimizer=two_optimizers),
    loop("learning-rate scheduler", loops.scheduled, optimizer=lambda m: sgd(m, 0.1)),
    loop("frozen layer", model=frozen),
    loop("single frozen parameters", model=half_frozen),
    loop("layer thawed during the run", loops.changing(thaw), frozen, steps=4),
    loop("layer frozen during the run", loops.changing(freeze), steps=4),
    loop("adapter added during the run", loops.changing(adapt), steps=4),
    loop("layer replaced during the run", loops.changing(replace_head), steps=4),
    loop(
        "LBFGS with a closure",
        loops.with_closure,
        optimizer=lambda m: optim.LBFGS(m.parameters(), lr=0.3, max_iter=3),
    ),
    loop("SGD with a closure", loops.with_closure),
    loop("sharpness-aware, two backward passes", loops.sharpness_aware),
    loop("skipped optimizer step", loops.skipping),
    loop("weights clamped after the step", loops.clamping),
    loop("copies of the model in between", loops.copying),
]
