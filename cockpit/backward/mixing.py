"""Where in a graph the samples are mixed: what lies behind batch statistics, seen from the loss."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch.autograd.function import BackwardCFunction

__all__ = ["behind_batch_statistics"]


def behind_batch_statistics(root: Any) -> set[Any]:
    """The nodes from which batch statistics are computed, directly or not.

    Their gradients are mixtures of all samples'. A function of the user's own may hide such
    statistics, and is taken for one that does.

    Args:
        root: The node of the loss.
    """
    mixing = [node for node in _reached([root]) if _may_mix(node)]
    return _reached(source for node in mixing for source, _ in node.next_functions)


def _may_mix(node: Any) -> bool:
    return "BatchNorm" in type(node).__name__ or isinstance(node, BackwardCFunction)


def _reached(roots: Iterable[Any]) -> set[Any]:
    """These nodes and all that their gradients flow on to."""
    seen = {node for node in roots if node is not None}
    waiting = list(seen)
    while waiting:
        for source, _ in waiting.pop().next_functions:
            if source is not None and source not in seen:
                seen.add(source)
                waiting.append(source)
    return seen
