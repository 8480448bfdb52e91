"""Where the samples are in the output of a layer or an operation, where shapes leave that open.

Models fold positions into the first axis, or put them before the samples (attention with
``batch_first=False``). The sum over all is the batch gradient in any case, so only a backward pass
that weighs the samples differently can tell which part belongs to which sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from cockpit.backward.capture import Capture
from cockpit.backward.extensions.base import Coverage, coverage
from cockpit.backward.extensions.normalization import CHANNEL_NORMS, uses_batch_statistics
from cockpit.backward.layer_call import LayerCall
from cockpit.backward.layout import Layout, layouts_along
from cockpit.backward.mixing import behind_batch_statistics
from cockpit.backward.nodes import NodeUse

__all__ = ["UNKNOWN", "Findings", "Layouts", "SampleAxis", "layout_of"]

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
UNKNOWN = "it can't be told which rows of its output belong to which sample"
EARLY, AGAIN = (1, 8), 64  # steps
# Of the largest gradient: to tell layouts apart, and to see whether samples are in another order
# (autocast computes in half precision what arrives here in single).
EXACT, ROUGH = 1e-3, 5e-2

Use = LayerCall | NodeUse
Layouts = Mapping[object, Layout | None]  # by the identity of a use


def layout_of(use: Use, batch_size: int, tested: Layouts) -> Layout | None:
    """Where the samples are in the output of a use; ``None`` if it can't be told."""
    if use.identity in tested:
        return tested[use.identity]
    possible, certain = _possible(use, batch_size)
    return possible[0] if possible and (certain or _is_declared(use)) else None


def _possible(use: Use, batch_size: int) -> tuple[list[Layout], bool]:
    """The layouts that a shape allows, the likely ones first, and whether the first is certain."""
    if isinstance(use, NodeUse):
        return use.layouts(batch_size)
    shape = use.shapes.get(0)
    if shape is None or _packed(use) is not None:
        return [Layout()], True
    if _is_declared(use):
        axis = 0 if getattr(use.module, "batch_first", True) else 1
        return [x for x in layouts_along(shape, (axis,), batch_size) if not x.minor], False
    if isinstance(use.module, (*CONVOLUTIONS, *TRANSPOSED, *CHANNEL_NORMS)):
        return layouts_along(shape, (0,), batch_size), shape[0] == batch_size
    found = layouts_along(shape, (0, 1) if len(shape) > 2 else (0,), batch_size)
    certain = shape[0] == batch_size and (len(shape) < 3 or shape[1] != batch_size)
    return found, certain


def _is_declared(use: Use) -> bool:
    """Whether the layer says itself where its samples are: taken where it can't be tested."""
    if isinstance(use, NodeUse):
        return use.positions_first
    is_attention = isinstance(use.module, nn.MultiheadAttention)
    return is_attention or coverage(use.module) is Coverage.EVERY_USE


@dataclass
class Findings:
    """What is known of the uses of one forward pass, as the samples of one loss see it.

    Attributes:
        batch_size: N.
        known: The layout of a use, by its identity; ``None`` where there is none.
        tested: What a test has found of a use, and whether the axis is folded.
        believed: Uses whose shape was believed.
    """

    batch_size: int
    known: dict[object, Layout | None] = field(default_factory=dict)
    tested: dict[tuple, tuple[Layout | None, bool]] = field(default_factory=dict)
    believed: set[tuple] = field(default_factory=set)


class SampleAxis:
    """Tests every use, and remembers the verdicts.

    Where a layer has its samples is a matter of the model's code, not of the lengths of this batch:
    what was found once holds for other lengths too, and what was refused once stays refused. Only
    an axis that has just the samples says nothing of what it is folded with at other lengths, and a
    single sample says nothing at all. Code may depend on the data (samples sorted by length): so
    all is tested again after some :data:`EARLY` steps, and then every :data:`AGAIN` steps.

    Where nothing can be tested, a shape that leaves no doubt is believed; it does not tell whether
    the model has put its samples in another order.
    """

    def __init__(self) -> None:
        self._verdicts: dict[tuple, Layout] = {}  # of a use, with its axis folded or not
        self._refused: set[tuple] = set()
        self._believed: set[tuple] = set()
        self._steps = 0

    def find(
        self,
        capture: Capture,
        losses: Callable[[], Tensor | None],
        batch_size: int,
        generator: torch.Generator,
        coupled: bool = False,
    ) -> Findings:
        """What is known of the uses of this step beyond their shapes.

        Args:
            capture: Holds the uses of the forward pass and its graph.
            losses: Gives individual losses with their graph, shape [N]; ``None`` if there are none.
            batch_size: N.
            generator: Draws the samples' weights.
            coupled: Whether the loss compares samples: then nothing can be tested.
        """
        findings = Findings(batch_size)
        unknown: dict[Use, tuple] = {}
        turns: Counter[tuple] = Counter()
        again = _is_time(self._steps)
        for use in capture.calls():
            if next(use.parameters(), None) is None:
                continue
            key = (*use.signature(), turns[use.signature()])
            turns[use.signature()] += 1
            if key in self._refused:
                findings.known[use.identity] = None
                continue
            possible, certain = _possible(use, batch_size)
            fitting = self._fitting(use, key, possible, batch_size)
            if len(fitting) == 1:
                (findings.known[use.identity],) = fitting
            elif certain and (_is_opaque(use) or (key in self._believed and not again)):
                continue
            if batch_size == 1 and certain:
                continue  # a single sample is in no order
            if again or len(fitting) != 1:
                unknown[use] = key
                if certain:
                    findings.believed.add(key)  # unless it is refuted now
        start = None
        if unknown and not coupled:
            start = _start(capture, losses(), batch_size)
        if start is not None and (testable := _testable(capture, start[0], unknown)):
            found = _test(capture, start, testable, batch_size, generator)
            findings.known.update(found)
            for use, key in unknown.items():
                if use.identity in found:
                    layout = found[use.identity]
                    folded = layout is not None and _is_folded(use, layout, batch_size)
                    findings.tested[key] = layout, folded
        return findings

    def learn(self, findings: Findings) -> None:
        """Remember what was found, now that this loss is the one that was differentiated."""
        self._steps += 1
        if findings.batch_size == 1:
            return
        self._believed |= findings.believed
        for key, (layout, folded) in findings.tested.items():
            if layout is None:
                self._refused.add(key)
            else:
                self._verdicts[key, folded] = layout

    def _fitting(
        self, use: Use, key: tuple, possible: list[Layout], batch_size: int
    ) -> list[Layout]:
        """What was found of a use, as far as it says something of these lengths."""
        found = (self._verdicts.get((key, folded)) for folded in (False, True))
        return [
            verdict
            for verdict, folded in zip(found, (False, True), strict=True)
            if verdict in possible and _is_folded(use, verdict, batch_size) == folded
        ]


def _is_time(steps: int) -> bool:
    """Whether all is tested again after so many steps."""
    return steps in EARLY or steps % AGAIN == 0


def _is_folded(use: Use, layout: Layout, batch_size: int) -> bool:
    """Whether the samples share their axis with something else."""
    if isinstance(use, NodeUse):
        return use.output_shape[layout.axis] != batch_size
    shape = use.shapes.get(0)
    return shape is not None and _packed(use) is None and shape[layout.axis] != batch_size


def _testable(capture: Capture, begin: Tensor, uses: Iterable[Use]) -> set[Use]:
    """Those where the weights of one sample do not reach the others by batch statistics."""
    found = set(uses)
    if any(uses_batch_statistics(module) for module in capture.model.modules()):
        found -= capture.uses_at(behind_batch_statistics(begin.grad_fn))
    return found


def _start(
    capture: Capture, losses: Tensor | None, batch_size: int
) -> tuple[Tensor, Tensor] | None:
    """A tensor with the samples along its first axis, and a direction in it."""
    if losses is not None and losses.requires_grad:
        return losses, torch.ones_like(losses)
    output = capture.output
    if output is None or not output.requires_grad or output.shape[0] != batch_size:
        return None
    if batch_size in output.shape[1:]:
        return None
    steps = torch.arange(output.numel(), device=output.device, dtype=torch.float32)
    return output, (1 + (steps * 0.7548777).frac()).to(output.dtype).view(output.shape)


def _test(
    capture: Capture,
    start: tuple[Tensor, Tensor],
    uses: set[Any],
    batch_size: int,
    generator: torch.Generator,
) -> dict[object, Layout | None]:
    """The layout of each use that has a gradient; ``None`` where none explains it."""
    begin, direction = start
    draws = torch.rand(batch_size, generator=generator, device=begin.device)
    weights = 0.5 + draws.to(torch.promote_types(begin.dtype, torch.float32))
    per_sample = weights.to(begin.dtype).view(-1, *[1] * (begin.dim() - 1))
    found: dict[object, Layout | None] = {}
    try:
        plain = capture.backpropagate(begin, direction, uses)
        weighed = capture.backpropagate(begin, direction * per_sample, uses)
    except RuntimeError:  # the graph takes no passes of ours (reentrant checkpoints)
        return found
    for one, other in zip(plain, weighed, strict=True):
        grad = one.grads[min(one.grads)]
        if grad.any() and grad.isfinite().all():  # else it tells nothing of other steps
            found[one.identity] = _fitting(one, other, weights)
    return found


def _fitting(one: Use, other: Use, weights: Tensor) -> Layout | None:
    """The layout that makes the gradients of ``other`` those of ``one`` times the weights [N]."""
    place = min(one.grads)
    layouts, certain = _possible(one, len(weights))
    packed = _packed(one) if place == 0 else None
    if place > 0 and isinstance(one, LayerCall):
        layouts = [Layout(1)]  # the last state of a recurrent layer
    if packed is not None:
        weights = weights[_samples_of_rows(packed).to(weights.device)]
    grad, weighed = one.grads[place], other.grads[place]
    tolerance = ROUGH if certain or grad.element_size() <= 2 else EXACT
    return next((x for x in layouts if x.explains(grad, weighed, weights, tolerance)), None)


def _packed(use: Use) -> PackedSequence | None:
    """The argument of a recurrent layer whose sequences have different lengths."""
    if isinstance(use, NodeUse):
        return None
    arguments = (*use.inputs, *use.keywords.values())
    return next((x for x in arguments if isinstance(x, PackedSequence)), None)


def _samples_of_rows(packed: PackedSequence) -> Tensor:
    """The sample of each row: rows are sorted by time, and at each time by length."""
    order = torch.cat([torch.arange(int(size)) for size in packed.batch_sizes])
    return order if packed.sorted_indices is None else packed.sorted_indices.cpu()[order]


def _is_opaque(use: Use) -> bool:
    """Whether nothing could be made of the answer."""
    return isinstance(use, NodeUse) and use.operation is None
