"""What is in ``.grad`` beside the mean gradient of the step: whose is it, and in what scale?

ḡ is known from what the backward passes gave to the parameters, in the loss's own scale. ``.grad``
may hold more (it was not zeroed), less (it was clipped), or another multiple of it (the loss was
divided once too often).
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from cockpit.backward.facts.fetch import Then
from cockpit.backward.facts.group import Found, Group, Seen, Settled
from cockpit.backward.facts.looks import Look, Step, UsedGradients, held, left_over

if TYPE_CHECKING:
    from cockpit.backward.backward_pass import BackwardPass

__all__ = ["Gradient", "scale_and_step"]

SAME = 1e-3


@dataclass
class _Now:
    """The step that is under way."""

    parameters: Mapping[str, Tensor]
    before: tuple[Tensor, Tensor] | None
    parts: list[weakref.ref[BackwardPass]] = field(default_factory=list)
    look: Look | None = None
    steps: list[Step] = field(default_factory=list)


class Gradient(Group):
    """Facts of the gradient that the optimizer gets."""

    name: ClassVar[str] = "gradient"

    def __init__(self) -> None:
        self._used = UsedGradients()
        self._now: _Now | None = None
        self._expected = 1  # backward passes of a step, of which the last one counts

    def before_backward(self, seen: Seen) -> Found:
        """What is left of the step before."""
        self._now = _Now(seen.parameters, left_over(seen.parameters, self._used))
        return {}

    def pass_returns(self, part: BackwardPass) -> Found:
        """What is there now, if this may have been the last pass."""
        now = self._now
        if now is None:
            return {}
        if not now.parts or now.parts[-1]() is not part:
            now.parts.append(weakref.ref(part))
        now.look = None
        parts = [alive for reference in now.parts if (alive := reference()) is not None]
        if self._expected <= len(parts) == len(now.parts):
            grads = held(now.parameters)
            now.look = Look.at(grads, parts) if grads else None
        return {}

    def before_update(self, optimizer: Any) -> Found:
        """What has been done to it since."""
        now = self._now
        if now is not None and now.look is not None:
            now.steps.append(Step.at(optimizer, now.look, now.parameters))
        return {}

    def after_update(self, optimizer: Any, watched: bool) -> None:
        """With which gradients it has stepped."""
        if watched:
            self._used.take(optimizer)

    def settled(self, step: Settled) -> Found:
        """All of it, relative to ḡ."""
        now, self._now = self._now, None
        self._expected = len(step.passes)
        mean = math.sqrt(float(step.stats.sq_grad_norms.sum()))
        if now is None or [reference() for reference in now.parts] != list(step.passes):
            return {}
        if step.info.reduction == "sum":
            mean *= step.info.batch_size / step.info.ranks  # as large as .grad is to be
        found: Found = {}
        if 0 < mean < math.inf:
            found["gradient.before"] = _before(now.before, mean)
        if now.look is not None:
            found |= {
                "gradient.zeros": now.look.zero_share(),
                "gradient.dtype": now.look.dtype,
            }
        if now.look is not None and 0 < mean < math.inf:
            found |= _relative(now.look, now.steps, step, mean)
        return found


def _before(norms_before: tuple[Tensor, Tensor] | None, mean: float) -> Then | None:
    if norms_before is None:
        return None

    def make(still: float, since: float) -> float | None:
        # What was put there since is perhaps a part of this very step.
        return still / mean if since == 0 and math.isfinite(still) else None

    return Then(norms_before, make)


def _relative(look: Look, steps: Sequence[Step], settled: Settled, mean: float) -> Found:
    """How large ``.grad`` was, and where it pointed, against ḡ.

    Args:
        look: After the last backward pass.
        steps: What optimizers found later.
        settled: The step.
        mean: ‖ḡ‖, for a sum-reduced loss times the number of samples.
    """
    passes, ranks = settled.passes, settled.info.ranks
    after = look.norms
    if after is None:
        if ranks > 1:
            return {}  # it was given by this process alone
        after = _as_given(look, settled)
    # A loss scale is large. Where no step was seen, none can be told from a wrong factor.
    is_plain = all(abs(part.mean_scale) <= (1 + SAME) * abs(part.grad_scale) for part in passes)
    changed = [step.norms for step in steps if step.norms is not None]

    def sized(which: int, norms_after: list[float], *of_steps: list[float]) -> float | None:
        found = iter(of_steps)
        seen = [(step, None if step.norms is None else next(found)) for step in steps]
        by_name = dict(zip(look.memory, norms_after, strict=True))
        return scale_and_step(by_name, seen, mean, is_plain)[which]

    tensors = [after, *changed]
    facts: Found = {"gradient.stepped": Then(tensors, partial(sized, 1))}
    if len(set(settled.sizes)) <= 1:  # else the mean over the processes is not ḡ
        facts["gradient.scale"] = Then(tensors, partial(sized, 0))
    if ranks == 1:
        facts["gradient.cosine"] = _cosine(look, after, passes, settled)
    return facts


def _as_given(look: Look, settled: Settled) -> Tensor:
    """‖.grad‖ of each parameter, where that is what the only pass has given; shape [P]."""
    stats, (part,) = settled.stats, settled.passes
    squares = dict(zip(stats.grad, stats.sq_grad_norms.tolist(), strict=True))
    sizes = [math.sqrt(squares.get(name, 0.0)) for name in look.memory]
    return torch.tensor(sizes, dtype=torch.float64) / abs(part.grad_scale)


def _cosine(
    look: Look, after: Tensor, passes: Sequence[BackwardPass], settled: Settled
) -> Then | float | None:
    """Of the angle between ``.grad`` and ḡ."""
    if look.norms is None:
        return math.copysign(1.0, passes[0].grad_scale)
    if not look.dots:
        return None
    size = math.sqrt(float(settled.stats.sq_grad_norms.sum()))
    total = sum(part.batch_size for part in passes)
    # What the last pass gave was in the scale of that pass; what is kept of the others is in ḡ's.
    scales = [1.0] * (len(passes) - 1) + [passes[-1].grad_scale]
    weights = [part.batch_size / total * s for part, s in zip(passes, scales, strict=True)]

    def make(norms_after: list[float], *dots: float) -> float | None:
        whole = math.hypot(*norms_after)
        if not 0 < whole < math.inf:
            return None
        along = sum(weight * dot for weight, dot in zip(weights, dots, strict=True))
        return max(-1.0, min(1.0, along / whole / size))

    return Then([after, *look.dots], make)


def scale_and_step(
    after: Mapping[str, float],
    steps: Sequence[tuple[Step, list[float] | None]],
    mean: float,
    is_plain: bool,
) -> tuple[float | None, float | None]:
    """How large ``.grad`` was against the mean gradient, and what was left of it at the step.

    Args:
        after: ‖.grad‖ by parameter when the backward pass was over.
        steps: What the optimizers found, with the norms of it where it had changed.
        mean: ‖ḡ‖, as large as ``.grad`` is to be.
        is_plain: Whether the loss was differentiated without a factor above 1.

    Returns:
        ‖.grad‖/‖ḡ‖, free of the scale of a gradient scaler, and ‖.grad‖ at the step over ‖.grad‖;
        each ``None`` if it can't be told.
    """
    whole = math.hypot(*after.values())
    if not 0 < whole < math.inf:
        return None, None
    if not steps:
        return (whole / mean if is_plain else None), None
    names = [name for step, _ in steps for name in step.names]
    scales = {step.loss_scale for step, _ in steps}
    if len(scales) > 1 or len(names) > len(set(names)):
        return None, None
    left = []
    for step, changed in steps:
        unscaled = step.loss_scale if step.is_free and step.loss_scale is not None else 1.0
        kept = [after[name] for name in step.names]
        left += kept if changed is None else [unscaled * size for size in changed]
    there, loss_scale = math.hypot(*(after[name] for name in names)), scales.pop()
    stepped = math.hypot(*left) / there if there > 0 else math.nan
    if not math.isfinite(stepped):
        return None, None
    ratio = whole / mean
    if loss_scale is not None:
        return ratio / loss_scale, stepped
    if len(names) == len(after) and abs(ratio * stepped - 1) <= SAME:
        return 1.0, 1.0  # scaled and unscaled by hand: the step is made with ḡ itself
    return ratio, stepped
