"""The Hessian's exact diagonal, by BackPACK's DiagHessian in a backward pass of its own.

BackPACK backpropagates second-order terms module by module, so it needs a plain chain of modules
that it knows. Anything else it would break or get wrong, so it is refused beforehand.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from backpack import backpack, extend
from backpack.context import CTX
from backpack.extensions import DiagHessian
from torch import Tensor, nn

from cockpit.backward.compiled import is_compiled
from cockpit.backward.extensions import Unsupported
from cockpit.losses import LossProbe

__all__ = ["ExactDiagHessian"]

KNOWN = (
    *(nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Flatten, nn.Dropout, nn.ZeroPad2d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d, nn.MaxPool1d, nn.MaxPool2d),
    *(nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d, nn.ReLU, nn.LeakyReLU, nn.ELU),
    *(nn.SELU, nn.Sigmoid, nn.LogSigmoid, nn.Tanh),
)
KNOWN_LOSSES = (nn.CrossEntropyLoss, nn.MSELoss, nn.BCEWithLogitsLoss)


class ExactDiagHessian:
    """Extends model and loss while it is wanted, and removes every trace afterwards.

    Args:
        model: A chain (``nn.Sequential``, also nested) of layers that BackPACK knows.
        loss_fn: Cross-entropy, squared error or binary cross-entropy, as a module.
    """

    def __init__(self, model: nn.Module, loss_fn: Any) -> None:
        self._parts = (model, loss_fn)
        self.reason = _refusal(model, loss_fn)
        self._handles: list = []

    def attach(self) -> None:
        """Let BackPACK see the forward passes from now on."""
        if self._handles or self.reason or is_compiled(self._parts[0]):
            return
        before = len(CTX.hook_handles)
        for part in self._parts:
            extend(part)
        self._handles = CTX.hook_handles[before:]
        del CTX.hook_handles[before:]

    def detach(self) -> None:
        """Remove BackPACK's hooks and what they left on the modules."""
        for handle in self._handles:
            handle.remove()
        for part in self._parts if self._handles else ():
            for module in part.modules():
                for name in ("_backpack_extend", "input0", "input1", "output"):
                    module.__dict__.pop(name, None)
        self._handles = []

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Keep from the user what torch says of BackPACK's hooks at each backward pass."""
        if not self._handles:
            yield
            return
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Full backward hook is firing")
            yield

    def compute(self, probe: LossProbe, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The diagonal of ∇²loss by parameter name; the graph is kept and no ``.grad`` changes.

        It runs in a backward pass of its own, so that a failure can't reach the user's.

        Args:
            probe: Has seen the loss. Module hooks wrap the loss that the user holds, and the probe
                saw it before that; so it is evaluated once more, to begin at the wrapper.
            parameters: Trainable parameters by name.

        Raises:
            Unsupported: If model or loss are not of the kind that BackPACK handles exactly.
        """
        if self.reason:
            raise Unsupported(self.reason)
        if not self._handles:
            raise Unsupported(
                "BackPACK's exact Hessian diagonal needs the model uncompiled, and a step that was "
                "foreseen"
            )
        ignored = getattr(probe.loss_fn, "ignore_index", None)
        if ignored is not None and bool((probe.target == ignored).any()):
            raise Unsupported("BackPACK's exact Hessian diagonal counts targets that are ignored")
        try:
            with backpack(DiagHessian(), retain_graph=True):
                torch.autograd.grad(probe.again(), list(parameters.values()), retain_graph=True)
            return {name: vars(p)["diag_h"].detach() for name, p in parameters.items()}
        except NotImplementedError as limit:
            raise Unsupported(f"BackPACK's exact Hessian diagonal: {limit}") from limit
        finally:
            for p in parameters.values():
                p.__dict__.pop("diag_h", None)


def _is_special(loss_fn: object) -> bool:
    """Whether the loss weighs its targets, which BackPACK's rules leave out."""
    return any(getattr(loss_fn, name, None) is not None for name in ("weight", "pos_weight"))


def _refusal(model: nn.Module, loss_fn: object) -> str:
    if type(loss_fn) not in KNOWN_LOSSES or _is_special(loss_fn):
        return (
            "the exact Hessian diagonal needs the loss as a module: CrossEntropyLoss, MSELoss or "
            f"BCEWithLogitsLoss without weights; got {type(loss_fn).__name__}"
        )
    seen: set[int] = set()
    for name, module in model.named_modules(remove_duplicate=False):
        kind = type(module)
        if id(module) in seen:
            return f"the exact Hessian diagonal needs each layer used once; {name} is used again"
        seen.add(id(module))
        if kind is not nn.Sequential and kind not in KNOWN:
            return (
                "the exact Hessian diagonal needs an nn.Sequential of layers that BackPACK knows; "
                f"{name or 'the model'} is a {kind.__name__}. Use curvature='ggn' or 'ggn_mc'"
            )
        if getattr(module, "inplace", False):
            return f"the exact Hessian diagonal can't pass the in-place {kind.__name__} {name}"
    return ""
