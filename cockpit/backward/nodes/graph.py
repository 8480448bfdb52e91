"""Finds, in the graph of a loss, the uses of parameters that no layer call stands for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from cockpit.backward.capture import LayerCall
from cockpit.backward.extensions.base import Coverage, coverage
from cockpit.backward.nodes import elementwise, products  # noqa: F401 - they register their rules
from cockpit.backward.nodes.operations import broadcast_axes, rule_of
from cockpit.backward.nodes.steps import VIEWS, pull_of
from cockpit.backward.nodes.use import NodeUse, Operation, Pull, kind_of

__all__ = ["uses_beside"]

Links = dict[Any, list[tuple[Any, int, int]]]  # a node to (its user, at which place, which output)
LONGEST = 30  # steps between a parameter and the samples


@dataclass
class Path:
    """From a parameter to an operation that joins it with the samples.

    Attributes:
        node: The operation.
        place: Which of its inputs.
        pulls: The steps before it.
        operation: Its rule, if there is one.
        reason: Why there is none.
    """

    node: Any
    place: int
    pulls: tuple[Pull, ...]
    operation: Operation | None
    reason: str = ""


def uses_beside(
    loss: Tensor,
    parameters: Iterable[Tensor],
    calls: Collection[LayerCall],
    batch_size: int,
) -> list[NodeUse]:
    """The uses of each parameter beside the layer calls that have a rule of their own.

    Calls that these uses stand in for are told so.

    Args:
        loss: What will be differentiated.
        parameters: The trainable parameters.
        calls: The layer calls of the forward pass.
        batch_size: N.
    """
    links, leaves = _links(loss)
    by_parameter: dict[int, list[LayerCall]] = {}
    for call in calls:
        for _, own in call.parameters():
            by_parameter.setdefault(id(own), []).append(call)
    uses = []
    for p in parameters:
        if id(p) in leaves:
            paths = list(_paths(leaves[id(p)], links, batch_size))
            uses += _unclaimed(p, paths, by_parameter.get(id(p), []))
    return uses


def _links(loss: Tensor) -> tuple[Links, dict[int, Any]]:
    """Who uses the output of each node, and the node of each leaf by its identity."""
    links: Links = {}
    leaves: dict[int, Any] = {}
    waiting: list[Any] = [loss.grad_fn]
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        for place, (source, number) in enumerate(node.next_functions):
            if source is None:
                continue
            links.setdefault(source, []).append((node, place, number))
            if source not in seen:
                seen.add(source)
                waiting.append(source)
                if type(source).__name__ == "AccumulateGrad":
                    leaves[id(source.variable)] = source
    return links, leaves


def _paths(leaf: Any, links: Links, batch_size: int) -> Iterator[Path]:
    """All paths out of a parameter, each up to where it meets the samples."""
    waiting: list[tuple[Any, int, tuple[Pull, ...]]] = [(leaf, 0, ())]
    while waiting:
        source, output, pulls = waiting.pop()
        for node, place, number in links.get(source, []):
            if number != output:
                continue
            rule = rule_of(kind_of(node), node, place)
            if rule is not None and _joins_samples(node, place, rule, links, batch_size):
                yield Path(node, place, pulls, rule)
                continue
            outputs = {n for *_, n in links.get(node, [])}
            found = {n: _step(node, place, n, links) for n in outputs}
            if not outputs or None in found.values() or len(pulls) >= LONGEST:
                yield Path(node, place, pulls, None, _no_rule(node, bool(outputs)))
                continue
            waiting += [(node, n, (*pulls, pull)) for n, pull in found.items() if pull]


def _joins_samples(node: Any, place: int, rule: Operation, links: Links, batch_size: int) -> bool:
    """Whether the samples are in the output, going by its shape and by what the operation is."""
    kind, shape = kind_of(node), node._input_metadata[0].shape
    if all(shape[k] % batch_size for k in rule.axes):
        return False
    if kind == "Embedding":
        return not _looks_up_positions(node, links, batch_size)
    others = [s for k, (s, _) in enumerate(node.next_functions) if k != place and s is not None]
    return kind not in ("Mm", "Mul") or not others or not all(map(_is_parametric, others))


def _looks_up_positions(node: Any, links: Links, batch_size: int) -> bool:
    """Positions are looked up once for all samples: what comes out is broadcast over them."""
    index = node._saved_indices
    if index.dim() > 1:
        return index.shape[0] == 1 != batch_size
    return any(broadcast_axes(user, place) for user, place, _ in links.get(node, []))


def _step(node: Any, place: int, number: int, links: Links) -> Pull | None:
    kind = kind_of(node)
    if kind in ("Cat", "Stack"):
        others = [source for source, _ in node.next_functions if source is not None]
        if not all(map(_is_parametric, others)):
            return None
    return pull_of(kind, node, place, number)


def _is_parametric(node: Any) -> bool:
    """Whether a node has nothing but parameters behind it."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if type(node).__name__ == "AccumulateGrad":
            continue
        sources = [source for source, _ in node.next_functions if source is not None]
        if kind_of(node) not in VIEWS or not sources:
            return False
        waiting += sources
    return True


def _no_rule(node: Any, is_inside: bool) -> str:
    if not is_inside:
        return "the loss depends on it in another way than through the samples"
    return (
        "it is used outside a layer that Cockpit can see, in an operation that it has no rule for "
        f"({kind_of(node)})"
    )


def _unclaimed(p: Tensor, paths: list[Path], calls: list[LayerCall]) -> list[NodeUse]:
    """What layer calls do not stand for; the calls that are not needed for ``p`` are told so."""
    by_kind: dict[Coverage, list[LayerCall]] = {kind: [] for kind in Coverage}
    for call in calls:
        by_kind[coverage(call.module)].append(call)
    if by_kind[Coverage.EVERY_USE]:
        return []
    paths.sort(key=lambda path: path.node._sequence_nr())
    for call in sorted(by_kind[Coverage.ONE_USE], key=lambda call: call.order):
        # A layer with a rule uses each parameter once, last before its output is there.
        own = [k for k, path in enumerate(paths) if path.node._sequence_nr() <= call.order]
        if own:
            del paths[own[-1]]
        else:
            call.superseded.add(id(p))
    if by_kind[Coverage.FALLBACK] and any(path.operation is None for path in paths):
        return []
    for call in by_kind[Coverage.FALLBACK] + by_kind[Coverage.NOTHING]:
        call.superseded.add(id(p))
    in_attention = any(isinstance(c.module, nn.MultiheadAttention) for c in calls)
    return [_use(p, path, turn, in_attention) for turn, path in enumerate(paths)]


def _use(p: Tensor, path: Path, turn: int, positions_first: bool) -> NodeUse:
    try:
        return NodeUse(
            p, path.node, path.place, path.operation, path.pulls, path.reason, positions_first, turn
        )
    except RuntimeError:  # what the node saved was overwritten: the backward pass will fail too
        reason = "what its gradient depends on was overwritten in place"
        return NodeUse(p, path.node, path.place, None, (), reason, positions_first, turn)
