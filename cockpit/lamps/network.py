"""What the header of a run says of the model's parameters."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from cockpit.lamps.course import Course

__all__ = ["Network", "network"]

LAYERS = ("Linear", "Conv", "LSTM", "GRU", "RNN", "Attention")

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Network:
    """The parameters of a model.

    Attributes:
        shapes: By name, in the order of the header.
        kinds: Class names of the modules that own them, by name.
        sizes: Numbers of elements of those that are trained, by name.
        weights: Shapes of the trained matrices and filters of layers, by name. Left out are
            embeddings, norms, and parameters of modules of the user's own, whose part in the model
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


_networks: WeakKeyDictionary[Course, Network] = WeakKeyDictionary()


def network(course: Course) -> Network:
    """The model of a run; read once for each course."""
    if course not in _networks:
        _networks[course] = Network.of(course.header)
    return _networks[course]
