"""Which layers belong together, and which a search text means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cockpit.log.record import Layer

MOST_DEPTHS = 10
ROOT = "(model)"


def matches(layer: Layer, search: str) -> bool:
    """Whether each word of a search text occurs in the layer's name or type, in any case."""
    text = f"{layer.name} {layer.module_type}".casefold()
    return all(word in text for word in search.casefold().split())


def group_names(layers: Sequence[Layer], grouping: str) -> list[str]:
    """The group of each layer.

    Args:
        layers: The log's.
        grouping: A key of :data:`GROUPINGS`.
    """
    return GROUPINGS[grouping](layers)


def _by_module(layers: Sequence[Layer]) -> list[str]:
    """The blocks of a network: paths up to their first number; modules outside of blocks."""
    return [_block(layer.module) for layer in layers]


def _block(module: str) -> str:
    path = module.split(".")
    numbered = next((i for i, part in enumerate(path) if part.isdecimal()), len(path))
    return ".".join(path[: numbered + 1]) or ROOT


def _by_type(layers: Sequence[Layer]) -> list[str]:
    return [layer.module_type or "unknown type" for layer in layers]


def _by_depth(layers: Sequence[Layer]) -> list[str]:
    """Stretches of equally many modules, counted from the input's side."""
    places: dict[str, int] = {}
    for layer in layers:
        places.setdefault(layer.module, len(places))
    width = -(-len(places) // MOST_DEPTHS) or 1
    names = []
    for layer in layers:
        first = places[layer.module] // width * width + 1
        last = min(first + width - 1, len(places))
        names.append(f"depth {first}" if first == last else f"depth {first}–{last}")
    return names


GROUPINGS: dict[str, Callable[[Sequence[Layer]], list[str]]] = {
    "module": _by_module,
    "type": _by_type,
    "depth": _by_depth,
}
