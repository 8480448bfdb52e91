"""How injections reach into a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d)
ACTIVATIONS = (
    nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.ELU, nn.LeakyReLU, nn.PReLU, nn.Softplus,
)  # fmt: skip


def weighted(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Dense and convolutional layers by name, from the inputs on."""
    return [(name, m) for name, m in model.named_modules() if isinstance(m, WEIGHTED)]


def last(model: nn.Module) -> tuple[str, nn.Module]:
    """The layer that makes the outputs: dense, or a convolution where these are pictures."""
    return weighted(model)[-1]


def put(model: nn.Module, name: str, new: nn.Module) -> None:
    """A module in the place of the one of this name."""
    where, _, own = name.rpartition(".")
    setattr(model.get_submodule(where), own, new)


def exchange(
    model: nn.Module, kinds: tuple[type[nn.Module], ...], make: Callable[[nn.Module], nn.Module]
) -> int:
    """Another module in the place of each of these kinds; how many there were."""
    found = [(name, m) for name, m in model.named_modules() if isinstance(m, kinds) and name]
    for name, module in found:
        put(model, name, make(module))
    return len(found)


def before_last(model: nn.Module, what: nn.Module) -> None:
    """Insert a module before the layer that makes the outputs."""
    name, layer = last(model)
    put(model, name, nn.Sequential(what, layer))


def matrices(model: nn.Module) -> list[nn.Parameter]:
    """Parameters with two dimensions or more."""
    return [parameter for parameter in model.parameters() if parameter.ndim > 1]


class Made(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


@torch.no_grad()
def multiply(parameters: Sequence[Tensor], factor: float) -> None:
    """All elements by a number."""
    for parameter in parameters:
        parameter.mul_(factor)
