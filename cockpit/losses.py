"""What can be learned from the loss function: the loss, the model's output, individual losses."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from cockpit.backward.compiled import uncompiled
from cockpit.backward.layout import Layout

__all__ = [
    "LossCall",
    "LossProbe",
    "checked_reduction",
    "individual_losses",
    "unreduced_loss",
    "why_untrackable",
]


@dataclass(frozen=True, eq=False)
class LossCall:
    """One call of the loss function.

    Attributes:
        loss: What it returned.
        args, kwargs: What it was given.
        output: The model's output: the first argument that carries a gradient.
        target: The first other argument.
        version: Version counter of the loss at that time.
    """

    loss: Tensor
    args: tuple
    kwargs: dict[str, Any]
    output: Tensor | None
    target: Any
    version: int

    @classmethod
    def of(cls, loss: Tensor, args: tuple, kwargs: dict[str, Any]) -> LossCall:
        """The call that has just returned a loss."""
        given = [*args, *kwargs.values()]
        carrying = (x for x in given if isinstance(x, Tensor) and x.requires_grad)
        output = next(carrying, None)
        target = next((x for x in given if x is not output), None)
        return cls(loss, args, kwargs, output, target, loss._version)

    @property
    def is_changed(self) -> bool:
        """Whether the loss has been overwritten since."""
        return self.loss._version != self.version


class LossProbe:
    """Sees the calls of a loss module.

    Args:
        loss_fn: The loss function of the loop. Only an ``nn.Module`` can be seen; with any other
            callable the loss has to be passed to the cockpit.

    Attributes:
        calls: Those that may be differentiated yet: all while it ``keeps`` them, else the last.
        receiving: Whether a backward pass runs that counts.
        differentiated: The calls (by identity) that this pass, or these passes, went through.
        given: Individual losses that the user has passed, in the place of its own.
        fault: What went wrong in the hook, if anything did.
    """

    def __init__(self, loss_fn: Any) -> None:
        self.loss_fn = uncompiled(loss_fn)
        self._called = loss_fn
        self._handle: torch.utils.hooks.RemovableHandle | None = None
        self.fault: Exception | None = None
        self.keeps = self.receiving = False
        self.differentiated: set[int] = set()
        self.forget()

    def __getstate__(self) -> dict[str, Any]:
        # A copy of the loss function carries the hook along; that one sees nothing.
        return {"_handle": None}

    def attach(self) -> None:
        """Begin to see calls."""
        hookable = isinstance(self._called, nn.Module)
        hookable = hookable and not isinstance(self._called, torch.jit.ScriptModule)
        if hookable and self._handle is None:
            self._handle = self._called.register_forward_hook(self._after, with_kwargs=True)

    def detach(self) -> None:
        """Stop, and forget the last call."""
        if self._handle is not None:
            self._handle.remove()
        self._handle = None
        self.forget()

    def forget(self) -> None:
        """Drop the references to the last call."""
        self.calls: list[LossCall] = []
        self._call: LossCall | None = None
        self.given: Tensor | None = None
        self._elements: Tensor | None = None  # of the loss, unreduced
        self._layout: Layout | None = None  # of the samples among them

    def select(self, call: LossCall) -> None:
        """All that is asked from now on refers to this call."""
        self._call = call

    @property
    def loss(self) -> Tensor | None:
        """What the call returned: the last one, unless another was selected."""
        return None if self._call is None else self._call.loss

    @property
    def output(self) -> Tensor | None:
        """The model's output, as the call was given it."""
        return None if self._call is None else self._call.output

    @property
    def target(self) -> Any:
        """The call's target."""
        return None if self._call is None else self._call.target

    @property
    def reduction(self) -> str | None:
        """``mean`` or ``sum`` as the loss module has it, else ``None``."""
        return getattr(self.loss_fn, "reduction", None)

    @property
    def is_torchs_own(self) -> bool:
        """Whether it is one of the loss modules that torch brings along."""
        return type(self.loss_fn).__module__ == nn.modules.loss.__name__

    @property
    def arguments(self) -> list[Tensor]:
        """Of the call, those that carry a gradient."""
        given = [] if self._call is None else tree_leaves((self._call.args, self._call.kwargs))
        return [x for x in given if isinstance(x, Tensor) and x.requires_grad]

    def individual_graph(self, batch_size: int) -> Tensor | None:
        """Individual losses ℓₙ, shape [N], with the graph down to the model.

        ``None`` if they can't be had.
        """
        if self.given is not None and self.given.numel() == batch_size:
            return self.given.flatten() if self.given.requires_grad else None
        elements, layout, call = self._elements, self._layout, self._call
        if elements is None or layout is None or call is None:
            return None
        with torch.enable_grad():
            return individual_losses(self.loss_fn, elements, layout, call.loss, batch_size)

    def is_of(self, loss: Tensor) -> bool:
        """Whether what was seen describes this loss: the same number from the same call."""
        seen = self.loss
        if seen is None or seen is loss:
            return seen is loss
        return seen.numel() == 1 and bool(seen == loss)

    def find_elements(self, layout: Callable[[Tensor], Layout | None]) -> None:
        """Evaluate the elements of the loss, and ask which belong to which sample."""
        self._evaluate_elements()
        self._layout = None if self._elements is None else layout(self._elements)

    def _evaluate_elements(self) -> None:
        call = self._call
        if call is not None:
            with torch.enable_grad():
                self._elements = unreduced_loss(self.loss_fn, call.args, call.kwargs)

    def drop_elements(self) -> None:
        """Let go of the elements and their graph."""
        self._elements = self._layout = None

    def replace(self, tensors: Sequence[Tensor], others: Sequence[Tensor]) -> None:
        """Evaluate further on other tensors in place of these arguments of the last call."""
        call = self._call
        if call is not None:
            place = {id(x): y for x, y in zip(tensors, others, strict=True)}
            arguments = call.args, call.kwargs
            args, kwargs = tree_map_only(Tensor, lambda x: place.get(id(x), x), arguments)
            self._call = replace(call, args=args, kwargs=kwargs)
            if self._elements is not None:
                self._evaluate_elements()

    def again(self) -> Tensor:
        """The loss of the last call, evaluated once more on the same graph."""
        if self._call is None:
            raise RuntimeError("the loss function was not called in this step")
        handle, self._handle = self._handle, None
        try:
            return self.loss_fn(*self._call.args, **self._call.kwargs)
        finally:
            self._handle = handle

    def _after(self, module: nn.Module, args: tuple, kwargs: dict, output: Any) -> None:
        if torch.compiler.is_compiling() or self._handle is None:
            return
        if not isinstance(output, Tensor) or not output.requires_grad:
            return
        self._call = LossCall.of(output, args, kwargs)
        if not self.keeps:
            self.calls.clear()
        self.calls.append(self._call)
        output.register_hook(partial(self._on_gradient, id(self._call)))

    def _on_gradient(self, call: int, grad: Tensor) -> None:
        if self.receiving:
            self.differentiated.add(call)


def unreduced_loss(loss_fn: Any, args: tuple, kwargs: dict[str, Any]) -> Tensor | None:
    """The elements of a loss: a second evaluation of the module with ``reduction="none"``.

    ``None`` if it has no reduction.
    """
    if getattr(loss_fn, "reduction", None) not in ("mean", "sum", "batchmean"):
        return None
    unreduced: Any = copy.copy(loss_fn)
    unreduced.reduction = "none"
    unreduced._forward_hooks, unreduced._compiled_call_impl = {}, None
    return unreduced(*args, **kwargs)


def individual_losses(
    loss_fn: nn.Module, elements: Tensor, layout: Layout, loss: Tensor, batch_size: int
) -> Tensor | None:
    """ℓₙ from the elements of a loss.

    Elements that belong to one sample (pixels, tokens) are summed. A mean-reduced loss weighs its
    elements in its own way (class weights, ignored targets): the common factor is found by
    comparing with ``loss``, so that the mean of the result is the loss exactly.

    Args:
        loss_fn: The loss module.
        elements: Of the loss, unreduced.
        layout: Where the samples are among them.
        loss: As the module reduces it.
        batch_size: N.

    Returns:
        Shape [N], in the scale where the mean over n is L_B; ``None`` if the module's mean is of
        a kind of its own.
    """
    sums = layout.split(elements, batch_size).reshape(batch_size, -1).sum(1)
    sums = sums if sums.dtype == torch.float64 else sums.float()
    total = sums.detach().sum()
    if loss_fn.reduction == "sum" or total == 0 or not torch.isfinite(total):
        return sums
    factor = loss.detach().to(sums.dtype) / total
    common = (1 / elements.numel(), 1 / batch_size)
    weighted = isinstance(loss_fn, (nn.CrossEntropyLoss, nn.NLLLoss))
    if not weighted and not any(abs(float(factor) / c - 1) < 1e-3 for c in common):
        return None  # e.g. CTC's
    return sums * factor * batch_size


def checked_reduction(given: str | None, of_loss: str | None) -> str:
    """``mean`` or ``sum``: what was given, else what the loss says, else ``mean``.

    Raises:
        ValueError: If it is anything else.
    """
    reduction = given or of_loss or "mean"
    if reduction == "batchmean":
        return "mean"
    if reduction not in ("mean", "sum"):
        raise ValueError(
            f"reduction is 'mean' or 'sum'; got {reduction!r}. For a loss that is reduced by hand, "
            "pass reduction='mean' or 'sum' to Cockpit(...) and loss=… to cockpit(step)."
        )
    return reduction


def why_untrackable(loss: Any, batch_size: Any) -> str:
    """Why a step can't be tracked at all; empty if it can."""
    if not isinstance(loss, Tensor):
        return (
            "the loss was not seen: loss_fn is no module, or was not called in this step. "
            "Pass loss=… to cockpit(step)"
        )
    if not loss.requires_grad:
        return "the loss has no graph. Pass the loss that you call backward() on as loss=…"
    if loss.numel() != 1:
        return f"the loss must be a single number; got shape {tuple(loss.shape)}"
    if batch_size == 0:
        return "the mini-batch has no samples"
    if not batch_size:
        return (
            "the batch size was not seen: the model's first tensor argument has no axis, or the "
            "model was not called in this step (a compiled model: Cockpit(...) has to be given the "
            "compiled one). Pass batch_size=… to cockpit(step)"
        )
    return ""
