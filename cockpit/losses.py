"""What can be learned from the loss function: the loss, the model's output, individual losses."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from cockpit.backward.compiled import uncompiled

__all__ = ["LossProbe", "checked_reduction", "individual_losses", "why_untrackable"]


class LossProbe:
    """Sees the calls of a loss module.

    Args:
        loss_fn: The loss function of the loop. Only an ``nn.Module`` can be seen; with any other
            callable the loss has to be passed to the cockpit.

    Attributes:
        differentiated: How many of its calls the present backward pass goes through.
        loss: The last loss it returned.
        output: Its first argument, the model's output.
        target: Its second argument.
        given: Individual losses that the user has passed, in the place of its own.
        fault: What went wrong in the hook, if anything did.
        on_loss: Called after each of its calls, if not ``None``.
    """

    def __init__(self, loss_fn: Any) -> None:
        self.loss_fn = uncompiled(loss_fn)
        self._called = loss_fn
        self._handle: torch.utils.hooks.RemovableHandle | None = None
        self.fault: Exception | None = None
        self.differentiated = 0
        self.on_loss: Callable[[], None] | None = None
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
        self.loss: Tensor | None = None
        self.output: Tensor | None = None
        self.target: Any = None
        self.given: Tensor | None = None
        self._arguments: tuple[tuple, dict[str, Any]] | None = None

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
        """Of the last call, those that carry a gradient."""
        return [
            x for x in tree_leaves(self._arguments) if isinstance(x, Tensor) and x.requires_grad
        ]

    def individual_graph(self, batch_size: int) -> Tensor | None:
        """As :meth:`individual`, with the graph down to the model."""
        if self.given is not None and self.given.numel() == batch_size:
            return self.given.flatten() if self.given.requires_grad else None
        if self._arguments is None or self.loss is None:
            return None
        with torch.enable_grad():
            return individual_losses(self.loss_fn, *self._arguments, self.loss, batch_size)

    def is_of(self, loss: Tensor) -> bool:
        """Whether what was seen describes this loss: the same number from the same call."""
        return self.loss is loss or (self.loss is not None and bool(self.loss == loss))

    def individual(self, batch_size: int) -> Tensor | None:
        """Individual losses ℓₙ of the last call, shape [N], or ``None`` if they can't be had."""
        if self._arguments is None or self.loss is None:
            return None
        with torch.no_grad():
            return individual_losses(self.loss_fn, *self._arguments, self.loss, batch_size)

    def replace(self, tensors: Sequence[Tensor], others: Sequence[Tensor]) -> None:
        """Evaluate further on other tensors in place of these arguments of the last call."""
        if self._arguments is not None:
            place = {id(x): y for x, y in zip(tensors, others, strict=True)}
            self._arguments = tree_map_only(Tensor, lambda x: place.get(id(x), x), self._arguments)

    def _on_gradient(self, grad: Tensor) -> None:
        self.differentiated += 1

    def again(self) -> Tensor:
        """The loss of the last call, evaluated once more on the same graph."""
        if self._arguments is None:
            raise RuntimeError("the loss function was not called in this step")
        args, kwargs = self._arguments
        handle, self._handle = self._handle, None
        try:
            return self.loss_fn(*args, **kwargs)
        finally:
            self._handle = handle

    def _after(self, module: nn.Module, args: tuple, kwargs: dict, output: Any) -> None:
        if torch.compiler.is_compiling() or self._handle is None:
            return
        if not isinstance(output, Tensor) or not output.requires_grad:
            return
        output.register_hook(self._on_gradient)
        self.loss, self._arguments = output, (args, kwargs)
        tensors = [*args, *kwargs.values()]
        self.output = tensors[0] if tensors and isinstance(tensors[0], Tensor) else None
        self.target = tensors[1] if len(tensors) > 1 else None
        if self.on_loss is not None:
            self.on_loss()


def individual_losses(
    loss_fn: nn.Module, args: tuple, kwargs: dict[str, Any], loss: Tensor, batch_size: int
) -> Tensor | None:
    """ℓₙ from a second evaluation of the loss module with ``reduction="none"``.

    Elements that belong to one sample (pixels, tokens) are summed. A mean-reduced loss weighs its
    elements in its own way (class weights, ignored targets): the common factor is found by
    comparing with ``loss``, so that the mean of the result is the loss exactly.

    Returns:
        Shape [N], in the scale where the mean over n is L_B; ``None`` if the module has no
        reduction or its elements don't divide among the samples.
    """
    reduction = getattr(loss_fn, "reduction", None)
    if reduction not in ("mean", "sum", "batchmean"):
        return None
    unreduced: Any = copy.copy(loss_fn)
    unreduced.reduction = "none"
    unreduced._forward_hooks, unreduced._compiled_call_impl = {}, None
    elements = unreduced(*args, **kwargs)
    if elements.dim() == 0 or elements.numel() % batch_size:
        return None
    sums = elements.reshape(batch_size, -1).sum(1)
    sums = sums if sums.dtype == torch.float64 else sums.float()
    total = sums.detach().sum()
    if reduction == "sum" or total == 0 or not torch.isfinite(total):
        return sums
    factor = loss.detach().to(sums.dtype) / total
    common = (1 / elements.numel(), 1 / batch_size)
    weighted = isinstance(loss_fn, (nn.CrossEntropyLoss, nn.NLLLoss))
    if not weighted and not any(abs(float(factor) / c - 1) < 1e-3 for c in common):
        return None  # the module's mean is of another kind, e.g. CTC's
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
    if not batch_size:
        return (
            "the batch size was not seen: the model's first tensor argument has no axis, or the "
            "model was not called in this step (a compiled model: Cockpit(...) has to be given the "
            "compiled one). Pass batch_size=… to cockpit(step)"
        )
    return ""
