"""Number formats, compilers and checkpoints."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tests.cases import loops
from tests.cases.case import CLASSES, Case, classes
from tests.cases.forms import perceptron

__all__ = ["CASES"]


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 3, 2),
        nn.GroupNorm(1, 3),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(12, 3),
    )


class Checkpointed(nn.Module):
    """Part of the forward pass runs again during the backward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(5, 6), nn.Linear(6, CLASSES)
        self.inner = nn.Sequential(nn.Linear(6, 6), nn.LayerNorm(6), nn.Tanh())
        self.reentrant = False

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.first(x))
        return self.head(checkpoint(self.inner, x, use_reentrant=self.reentrant))


def reentrant(model: nn.Module) -> nn.Module:
    """The older kind of checkpoint, which no reference can pass through."""
    model.reentrant = True
    return model


def compiled(model: nn.Module) -> nn.Module:
    torch._dynamo.reset()
    return torch.compile(model, backend="aot_eager")


def compiled_in_place(model: nn.Module) -> nn.Module:
    torch._dynamo.reset()
    model.compile(backend="aot_eager")
    return model


def in_format(name: str, dtype: torch.dtype, rtol: float, model=perceptron, **options) -> Case:
    return Case(name, model, options.pop("batch", classes(5)), dtype=dtype, rtol=rtol, **options)


IMAGES = {"model": convolutional, "batch": classes(2, 3, 3)}
SINGLE, BRAIN, HALF = torch.float32, torch.bfloat16, torch.float16

CASES = [
    in_format("float32", SINGLE, 1e-3),
    in_format("float32, convolutions", SINGLE, 1e-3, **IMAGES),
    in_format("bfloat16 weights", BRAIN, 0.1),
    in_format("float16 weights", HALF, 0.02),
    in_format("autocast to bfloat16", SINGLE, 0.1, autocast=BRAIN),
    in_format("autocast to bfloat16, convolutions", SINGLE, 0.1, autocast=BRAIN, **IMAGES),
    in_format("autocast to float16", SINGLE, 0.02, autocast=HALF),
    in_format(
        "autocast to float16, GradScaler, a skipped step",
        SINGLE,
        0.02,
        autocast=HALF,
        loop=loops.scaled,
        overflowing=(0,),
    ),
    Case("torch.compile(model)", perceptron, wrap=compiled),
    Case("model.compile()", perceptron, wrap=compiled_in_place),
    Case("checkpointing", Checkpointed),
    Case("checkpointing, reentrant", Checkpointed, wrap=reentrant),
]
