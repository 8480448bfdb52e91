"""What is known of the model: its parameters, its optimizer, its types of numbers."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cockpit.lamps.course import Course, once_a_run

__all__ = [
    "Network",
    "are_moved",
    "is_adaptive",
    "is_half",
    "is_integer",
    "is_mask",
    "network",
    "normalizes",
    "weight_layers",
]

MOVES = 8  # tracked steps
ADAPTIVE = ("ada", "lamb", "lion", "muon", "prodigy", "prop", "sophia")
LAYERS = ("Linear", "Conv", "LSTM", "GRU", "RNN", "Attention")

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Network:
    """The parameters of a model.

    Attributes:
        shapes: By name, in the order of the header.
        kinds: Class names of the modules that own them, by name.
        sizes: Numbers of elements of those that are trained, by name.
        weights: Shapes of the trained matrices and filters of layers, by name, inputs first. Left
            out are embeddings, whose weights are of another scale and of which a batch uses a few
            rows only, norms, and parameters of modules of the user's own, whose part in the model
            is not known.
        size: Number of elements of those that are trained.
    """

    shapes: Mapping[str, Shape]
    kinds: Mapping[str, str]
    sizes: Mapping[str, int]
    weights: Mapping[str, Shape]
    size: int

    @classmethod
    def of(cls, header: Mapping[str, Any]) -> Network:
        """As a header lists them; a damaged line of it counts as far as it can be read."""
        layers = [layer for layer in header.get("layers") or () if layer.get("name")]
        shapes = {layer["name"]: tuple(layer.get("shape") or ()) for layer in layers}
        kinds = {layer["name"]: str(layer.get("module_type", "")) for layer in layers}
        trained = [layer["name"] for layer in layers if layer.get("trainable", True)]
        weights = {
            name: shapes[name]
            for name in trained
            if len(shapes[name]) >= 2 and any(word in kinds[name] for word in LAYERS)
        }
        sizes = {name: math.prod(shapes[name]) for name in trained}
        return cls(shapes, kinds, sizes, weights, sum(sizes.values()))

    @property
    def begins_with_norm(self) -> bool:
        """Whether the first parameters are those of a norm."""
        return "Norm" in next(iter(self.kinds.values()), "")

    def share_of(self, names: Collection[str]) -> float:
        """How much of the trained elements these parameters have; NaN if there are none."""
        found = sum(self.sizes.get(name, 0) for name in names)
        return found / self.size if self.size else math.nan

    def weight_of(self, module: str) -> Shape | None:
        """Shape of a layer's weight: outputs (or channels), inputs, places of a filter."""
        for name, shape in self.shapes.items():
            if name.startswith(f"{module}.") and len(shape) >= 2:
                first, second, *places = shape
                return (second, first, *places) if self.is_transposed(module) else shape
        return None

    def is_transposed(self, module: str) -> bool:
        """Whether a layer is a transposed convolution."""
        found = (kind for name, kind in self.kinds.items() if name.startswith(f"{module}."))
        return "Transpose" in next(found, "")


@once_a_run
def network(course: Course) -> Network:
    """The model of a run; read once for each course."""
    return Network.of(course.header)


@once_a_run
def weight_layers(course: Course) -> list[int]:
    """Positions of :attr:`Network.weights` in the order of :attr:`Course.layer_names`."""
    weights = network(course).weights
    return [place for place, name in enumerate(course.layer_names) if name in weights]


def normalizes(course: Course) -> bool:
    """Whether the model takes out scale and offset of its inputs itself.

    It does with BatchNorm, or if its first parameters are those of a norm.
    """
    return network(course).begins_with_norm or bool(course.fact("model.modules_bn"))


def is_adaptive(course: Course) -> bool:
    """Whether the optimizer divides the gradient by its own size: a factor in it changes nothing.

    All optimizers do, if there are several.
    """
    names = [name.strip().lower() for name in course.optimizer.split(",")]
    return all(any(word in name for word in ADAPTIVE) for name in names)


def is_half(dtype: Any) -> bool:
    """Whether numbers of this type end at 6e-8: float16, and not bfloat16."""
    word = str(dtype).rpartition(".")[2]
    return word in ("float16", "half")


def is_integer(dtype: Any) -> bool:
    """Whether a type has whole numbers only; bool is none of them."""
    word = str(dtype).rpartition(".")[2]
    return word.startswith(("int", "uint", "long", "short"))


def is_mask(course: Course) -> bool:
    """Whether the first tensor that the model was given has flags only, as an attention mask."""
    dtype = course.fact("inputs.dtype")
    low, high = course.fact("inputs.min"), course.fact("inputs.max")
    if dtype == "bool":
        return True
    return is_integer(dtype) and low is not None and 0 <= low <= high <= 1


def are_moved(course: Course, names: Sequence[str]) -> bool:
    """Whether most of these parameters were changed by one of the last steps, whoever did it."""
    wanted = {*names}
    places = [place for place, name in enumerate(course.layer_names) if name in wanted]
    rows = [s.layers["UpdateSize"] for s in list(course.steps)[-MOVES:] if "UpdateSize" in s.layers]
    return any(
        sum(place < len(row) and row[place] > 0 for place in places) > len(places) / 2
        for row in rows
    )
