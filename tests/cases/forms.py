"""Forms that models take, whatever layers they consist of."""

from __future__ import annotations

import copy
import io
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._pytree import register_dataclass

from tests.cases.case import CLASSES, Batch, Case, N, classes

__all__ = ["CASES"]


def perceptron() -> nn.Sequential:
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, CLASSES))


def in_place() -> nn.Module:
    return nn.Sequential(
        nn.Linear(5, 8),
        nn.ReLU(inplace=True),
        nn.Linear(8, 6),
        nn.ELU(inplace=True),
        nn.Linear(6, 3),
    )


class Residual(nn.Module):
    """x += f(x), in place, then an activation in place."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(5, 6), nn.Linear(6, 6)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.first(x))
        out = self.second(x)
        out += x
        return self.head(F.relu_(out))


class Functional(nn.Module):
    """Activations, a residual and a normalization that are no modules."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(5, 6), nn.Linear(6, 6)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.first(x))
        x = F.layer_norm(x + F.silu(self.second(x)), (6,))
        return self.head(x)


class Twice(nn.Module):
    """One layer that is used twice in a pass."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.head = nn.Linear(5, 5), nn.Linear(5, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.inner(torch.tanh(self.inner(x)))))


class Tied(nn.Module):
    """An embedding whose weight is that of the output layer as well."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.inner = nn.Embedding(7, 4), nn.Linear(4, 4)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.inner(self.embedding(x)))).transpose(1, 2)


def tokens() -> Batch:
    return Batch(torch.randint(7, (N, 3)), torch.randint(7, (N, 3)))


class Nested(nn.Module):
    """Modules in modules, in a list and in a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = nn.ModuleList([Residual(), nn.Sequential(nn.Linear(3, 4), nn.Tanh())])
        self.parts = nn.ModuleDict({"head": nn.Linear(4, CLASSES)})

    def forward(self, x: Tensor) -> Tensor:
        for part in self.stack:
            x = part(x)
        return self.parts["head"](x)


class Scale(nn.Module):
    """A leaf of the user's own."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, 5))
        self.shift = nn.Parameter(torch.zeros(5))

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(x * self.scale + self.shift)


class Beside(nn.Module):
    """Parameters that a module uses beside layers of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(5, 6)
        self.gain = nn.Parameter(torch.linspace(0.5, 1.5, 6))
        self.mixing = nn.Parameter(torch.randn(6, CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.inner(x) * self.gain) @ self.mixing


class SeveralInputs(nn.Module):
    """Two inputs and an option."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(5, 4), nn.Linear(2, 4)
        self.mix, self.head = nn.Bilinear(4, 4, 4), nn.Linear(4, CLASSES)

    def forward(self, left: Tensor, right: Tensor, scale: float = 1.0) -> Tensor:
        left, right = torch.tanh(self.left(left)), torch.tanh(self.right(right))
        return self.head(scale * self.mix(left, right))


def two_inputs() -> Batch:
    x = {"left": torch.randn(N, 5), "right": torch.randn(N, 2)}
    return Batch(x, torch.randint(CLASSES, (N,)))


class OfDict(SeveralInputs):
    """The same, with one dict for an argument."""

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        return super().forward(inputs["left"], inputs["right"])


@dataclass
class Output:
    """What some models return."""

    logits: Tensor
    hidden: Tensor


register_dataclass(Output, field_names=["logits", "hidden"], drop_field_names=[])


class Pair(NamedTuple):
    """What others return."""

    logits: Tensor
    hidden: Tensor


class Returning(nn.Module):
    """Returns logits and hidden values in a container."""

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind
        self.inner, self.head = nn.Linear(5, 6), nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Any:
        hidden = torch.tanh(self.inner(x))
        return self.kind(logits=self.head(hidden), hidden=hidden)


class Wrapper(nn.Module):
    """What frameworks put around a model."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)


def pickled(model: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


CASES = [
    Case("perceptron", perceptron),
    Case("perceptron, one sample", perceptron, classes(5, n=1)),
    Case("activations in place", in_place),
    Case("residual sum in place", Residual),
    Case("functional activations, residual, normalization", Functional),
    Case("functional loss", perceptron, loss=lambda f, y: F.cross_entropy(f, y)),
    Case(
        "functional loss, individual losses told",
        perceptron,
        loss=lambda f, y: F.cross_entropy(f, y),
        tells=True,
    ),
    Case("a module used twice in a pass", Twice),
    Case("embedding tied to the output", Tied, tokens),
    Case("nested modules", Nested),
    Case("own leaf module with parameters", lambda: nn.Sequential(Scale(), nn.Linear(5, 3))),
    Case("own parameters beside layers", Beside),
    Case(
        "several inputs",
        SeveralInputs,
        two_inputs,
        predict=lambda model, x: model(x["left"], x["right"], 0.8),
    ),
    Case(
        "keyword arguments",
        SeveralInputs,
        two_inputs,
        predict=lambda model, x: model(scale=0.8, **x),
    ),
    Case("dict as input", OfDict, two_inputs),
    Case(
        "tuple as output",
        lambda: Returning(lambda logits, hidden: (logits, hidden)),
        predict=lambda model, x: model(x)[0],
    ),
    Case(
        "named tuple as output",
        lambda: Returning(Pair),
        predict=lambda model, x: model(x).logits,
    ),
    Case(
        "dict as output",
        lambda: Returning(dict),
        predict=lambda model, x: model(x)["logits"],
    ),
    Case(
        "dataclass as output",
        lambda: Returning(Output),
        predict=lambda model, x: model(x).logits,
    ),
    Case("wrapped model", perceptron, wrap=Wrapper),
    Case("data-parallel wrapper", perceptron, wrap=nn.DataParallel),
    Case("deep-copied model", perceptron, wrap=copy.deepcopy),
    Case("pickled model", perceptron, wrap=pickled),
]
