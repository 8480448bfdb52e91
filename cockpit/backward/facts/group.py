"""What a group of facts is: what it sees of a step, and at which moments."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

if TYPE_CHECKING:
    from cockpit.backward.backward_pass import BackwardPass
    from cockpit.backward.stats import BackwardStats
    from cockpit.step import StepInfo

__all__ = ["MOST_NAMES", "Found", "Group", "Seen", "Settled", "describe", "plain"]

MOST_NAMES = 20  # in a list of names
MOMENTS = (
    *("evaluation_begins", "forward_begins"),
    *("before_backward", "pass_returns", "after_backward"),
    *("before_update", "after_update", "settled"),
)

Found = dict[str, Any]  # facts by dotted name; see Group


@dataclass
class Seen:
    """What is known when the first backward pass of a step is about to run.

    Attributes:
        model: The model, in the state in which its forward pass left it.
        parameters: Its trainable parameters by name.
        batch_size: N of this pass, on this rank.
        is_first: Whether no step of this run has facts yet.
        inputs: First tensor that the model was given, ``None`` if unknown.
        intact: Whether it has not been overwritten since.
        output: What the loss function was given as the model's output; where that was not seen, the
            first tensor that the model returned.
        target: What the loss function was given besides, ``None`` if unknown.
        loss_fn: The loss module, if it was seen to compute this loss.
        losses: ℓₙ, shape [N]; ``None`` if unknown.
        root: The loss; of a compiled model, one with the graph of its repeated forward pass.
        edges: The layer calls of the forward pass, each with the place and the gradient edge of one
            of its outputs; empty where the layers can't be seen.
        param_groups: Those of the optimizers.
    """

    model: nn.Module
    parameters: Mapping[str, nn.Parameter]
    batch_size: int
    is_first: bool = False
    inputs: Tensor | None = None
    intact: bool = True
    output: Tensor | None = None
    target: Any = None
    loss_fn: nn.Module | None = None
    losses: Tensor | None = None
    root: Tensor | None = None
    edges: Sequence[tuple[Any, int, Any]] = ()
    param_groups: Sequence[Mapping[str, Any]] = field(default=(), repr=False)


@dataclass(frozen=True)
class Settled:
    """A step whose update is known.

    Attributes:
        passes: Its backward passes, in order.
        info: The step, with the update.
        stats: What else was asked of it; ``stats.grad`` is ḡ.
        sizes: Nᵣ of each process.
    """

    passes: Sequence[BackwardPass]
    info: StepInfo
    stats: BackwardStats
    sizes: Sequence[int] = ()


class Group:
    """Facts about one thing. A subclass overrides the moments at which there is something to see.

    One instance lives as long as its cockpit, so it may keep what later steps are compared with,
    but no tensor of the size of the batch or the model. All moments run without autograd; what one
    raises costs this group's facts of the step, nothing else.

    A moment returns facts by dotted name: words, numbers, flags, lists, and tensors (small ones).
    Tensors stay on their device until the step is settled; then all of them come to the host at
    once. One without axes becomes a number, and stands for nothing if it is NaN or ±∞; see also
    :class:`~cockpit.backward.facts.fetch.Then`. A later moment's facts take the place of an earlier
    one's of the same name.

    Attributes:
        name: How messages call it; its facts' names begin so.
        now: Seconds of training; the clock stands still while Cockpit computes.
    """

    name: ClassVar[str]
    now: Callable[[], float] = staticmethod(time.perf_counter)

    def evaluation_begins(self) -> None:
        """The model is called without a graph, before a step that may be tracked."""

    def forward_begins(self) -> None:
        """The model is called, in a step that may be tracked."""

    def before_backward(self, seen: Seen) -> Found:
        """The step's first backward pass is about to run."""
        return {}

    def pass_returns(self, part: BackwardPass) -> Found:
        """A backward pass of the step has just returned; the user's code has not gone on yet.

        What it has given is in ``part.given``, and in ``.grad`` with what was there before.
        """
        return {}

    def after_backward(self, part: BackwardPass) -> Found:
        """A backward pass of the step, of perhaps several, has run; the context is left.

        Its layer calls hold their inputs and output gradients: ``part.calls``.
        """
        return {}

    def before_update(self, optimizer: Any) -> Found:
        """An optimizer is about to step."""
        return {}

    def after_update(self, optimizer: Any, watched: bool) -> None:
        """An optimizer has stepped, in a tracked step or between two; at each, so it must be quick.

        Args:
            optimizer: Which one.
            watched: Whether the next step may be tracked.
        """

    def settled(self, step: Settled) -> Found:
        """The update is known."""
        return {}


def plain(x: Any) -> Tensor | None:
    """A tensor as one can compute with it, without its graph; ``None`` of what has no numbers here.

    Sparse, quantized and complex tensors have none, nor have those that are wrapped around others
    (of several devices, say): to look at them could start an exchange between processes.
    """
    if not isinstance(x, Tensor) or is_traceable_wrapper_subclass(x):
        return None
    if x.layout != torch.strided or x.is_nested or x.is_complex() or x.is_quantized or x.is_meta:
        return None
    return x.detach().as_subclass(Tensor).resolve_neg()


def describe(prefix: str, x: Tensor) -> Found:
    """Kind of numbers and shape of a tensor of any sort; nested ones have no shape."""
    found: Found = {f"{prefix}.dtype": str(x.dtype).removeprefix("torch.")}
    return found if x.is_nested else found | {f"{prefix}.shape": list(x.shape)}
