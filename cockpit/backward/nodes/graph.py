"""Finds, in the graph of a loss, the uses of parameters that no layer call stands for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from cockpit.backward.extensions.base import Coverage, coverage
from cockpit.backward.layer_call import LayerCall
from cockpit.backward.nodes import elementwise, products  # noqa: F401 - they register their rules
from cockpit.backward.nodes.operations import broadcast_axes, rule_of
from cockpit.backward.nodes.steps import VIEWS, pull_of
from cockpit.backward.nodes.use import NodeUse, Operation, Pull, kind_of

__all__ = ["uses_beside"]

LONGEST = 30  # steps between a parameter and the samples
MOST = 5000  # steps out of one parameter, on all its ways
TOO_MANY = "too many operations lie between it and the samples"
NO_RULE = (
    "it is used outside a layer that Cockpit can see, in an operation that it has no rule for ({})"
)
UNREADABLE = (
    "what its gradient depends on was overwritten in place, or this version of torch keeps it "
    "in another way"
)


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
    calls: Mapping[LayerCall, list[Any]],
    batch_size: int,
) -> list[NodeUse]:
    """The uses of each parameter beside the layer calls that have a rule of their own.

    Calls that these uses stand in for are told so.

    Args:
        loss: What will be differentiated.
        parameters: The trainable parameters.
        calls: The layer calls, with the nodes of their outputs where known.
        batch_size: N.
    """
    graph = Graph(loss, parameters, batch_size)
    by_parameter: dict[int, list[tuple[str, LayerCall]]] = {}
    for call, nodes in calls.items():
        # An output that was changed in place as a view is not seen any more, but what made it is.
        lost = bool(nodes) and not any(map(graph.reaches, nodes))
        for name, own in call.parameters():
            if lost:
                call.superseded.add(id(own))
            else:
                by_parameter.setdefault(id(own), []).append((name, call))
    uses = []
    for leaf in graph.leaves:
        p = leaf.variable
        uses += _unclaimed(p, list(graph.paths(leaf)), by_parameter.get(id(p), []))
    return uses


class Graph:
    """The graph of a loss, seen from the parameters.

    Args:
        loss: Its root.
        parameters: The leaves that count.
        batch_size: N.

    Attributes:
        leaves: The nodes of the parameters.
    """

    def __init__(self, loss: Tensor, parameters: Iterable[Tensor], batch_size: int) -> None:
        self._batch_size = batch_size
        self._users: dict[Any, list[tuple[Any, int, int]]] = {}  # node, place, number of output
        self.leaves: list[Any] = []
        wanted = {id(p) for p in parameters}
        waiting: list[Any] = [] if loss.grad_fn is None else [loss.grad_fn]
        self._seen = seen = set(waiting)
        while waiting:
            node = waiting.pop()
            for place, (source, number) in enumerate(node.next_functions):
                if source is None:
                    continue
                self._users.setdefault(source, []).append((node, place, number))
                if source in seen:
                    continue
                seen.add(source)
                waiting.append(source)
                if type(source).__name__ == "AccumulateGrad" and id(source.variable) in wanted:
                    self.leaves.append(source)

    def reaches(self, node: Any) -> bool:
        """Whether a node is in the graph."""
        return node in self._seen

    def paths(self, leaf: Any) -> Iterator[Path]:
        """All paths out of a parameter, each up to where it meets the samples."""
        waiting: list[tuple[Any, int, tuple[Pull, ...]]] = [(leaf, 0, ())]
        steps = 0
        while waiting:
            source, output, pulls = waiting.pop()
            steps += 1
            for node, place, number in self._users.get(source, []):
                if number != output:
                    continue
                try:
                    found = self._follow(node, place)
                except (RuntimeError, AttributeError):
                    found = UNREADABLE
                if isinstance(found, dict) and (len(pulls) >= LONGEST or steps > MOST):
                    found, waiting = TOO_MANY, []
                if isinstance(found, dict):
                    waiting += [(node, n, (*pulls, pull)) for n, pull in found.items()]
                elif isinstance(found, Operation):
                    yield Path(node, place, pulls, found)
                else:
                    yield Path(node, place, pulls, None, found)

    def _follow(self, node: Any, place: int) -> Operation | dict[int, Pull] | str:
        """What a node does with a parameter: a rule, the steps to its outputs, or why not."""
        rule = rule_of(kind_of(node), node, place)
        if rule is not None and self._joins_samples(node, place, rule):
            return rule
        outputs = {n for *_, n in self._users.get(node, [])}
        if not outputs:
            return "the loss has a term with it that is no function of single samples"
        pulls = {n: self._step(node, place, n) for n in outputs}
        found = {n: pull for n, pull in pulls.items() if pull is not None}
        return found if len(found) == len(pulls) else NO_RULE.format(kind_of(node))

    def _joins_samples(self, node: Any, place: int, rule: Operation) -> bool:
        """Whether the samples are in the output, going by its shape and by what is done there."""
        kind, shape = kind_of(node), rule.shape or node._input_metadata[0].shape
        if all(shape[k] % self._batch_size for k in rule.axes):
            return False
        if kind in ("Embedding", "Index"):
            return not self._looks_up_positions(node)
        others = [s for k, (s, _) in enumerate(node.next_functions) if k != place and s is not None]
        return kind not in ("Mm", "Mul") or not others or not all(map(self._is_parametric, others))

    def _looks_up_positions(self, node: Any) -> bool:
        """Positions are looked up once for all samples: what comes out is broadcast over them."""
        index = node._saved_indices
        index = index if isinstance(index, Tensor) else index[0]
        if index.dim() > 1 and index.shape[0] == 1:
            return self._batch_size != 1
        waiting = list(self._users.get(node, []))
        while waiting:
            user, place, _ = waiting.pop()
            shape = user._input_metadata[0].shape
            if kind_of(user) in VIEWS - {"Expand", "Repeat"}:
                waiting += self._users.get(user, [])
            elif any(shape[k] % self._batch_size == 0 for k in broadcast_axes(user, place)):
                return True
        return False

    def _step(self, node: Any, place: int, number: int) -> Pull | None:
        kind = kind_of(node)
        if kind in ("Cat", "Stack"):
            others = [source for source, _ in node.next_functions if source is not None]
            if not all(map(self._is_parametric, others)):
                return None
        return pull_of(kind, node, place, number)

    def _is_parametric(self, node: Any) -> bool:
        """Whether a node has nothing but parameters behind it."""
        waiting = [node]
        while waiting:
            node = waiting.pop()
            if node in self.leaves:
                continue
            sources = [source for source, _ in node.next_functions if source is not None]
            if kind_of(node) not in VIEWS or not sources:
                return False
            waiting += sources
        return True


def _unclaimed(p: Tensor, paths: list[Path], calls: list[tuple[str, LayerCall]]) -> list[NodeUse]:
    """What layer calls do not stand for; the calls that are not needed for ``p`` are told so."""
    by_kind: defaultdict[Coverage, list[LayerCall]] = defaultdict(list)
    for name, call in calls:
        kind = coverage(call.module)
        if kind is Coverage.ONE_USE and name not in ("weight", "bias"):
            kind = Coverage.NOTHING  # the layer's weight is made of it (pruning)
        by_kind[kind].append(call)
    if by_kind[Coverage.EVERY_USE]:
        return []
    if len(paths) > 1:
        paths.sort(key=lambda path: path.node._sequence_nr())
    for call in sorted(by_kind[Coverage.ONE_USE], key=lambda call: call.order):
        # A layer with a rule uses each parameter once, last before its output is there.
        own = [k for k, path in enumerate(paths) if path.node._sequence_nr() <= call.order]
        if own:
            del paths[own[-1]]
        else:
            call.superseded.add(id(p))
    refused = [path for path in paths if path.operation is None]
    if refused and by_kind[Coverage.FALLBACK]:
        return []
    paths = refused[:1] or paths  # one reason is enough
    for call in by_kind[Coverage.FALLBACK] + by_kind[Coverage.NOTHING]:
        call.superseded.add(id(p))
    in_attention = any(isinstance(call.module, nn.MultiheadAttention) for _, call in calls)
    return [_use(p, path, turn, in_attention) for turn, path in enumerate(paths)]


def _use(p: Tensor, path: Path, turn: int, positions_first: bool) -> NodeUse:
    try:
        return NodeUse(
            p, path.node, path.place, path.operation, path.pulls, path.reason, positions_first, turn
        )
    except (RuntimeError, AttributeError):
        return NodeUse(p, path.node, path.place, None, (), UNREADABLE, positions_first, turn)
