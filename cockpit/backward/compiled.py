"""Compiled models: the tracked forward pass once more, uncompiled, for Cockpit alone.

Inside a compiled model nothing can be seen, and to run the user's own step uncompiled would change
its numbers in the last bits. So the call of the model is remembered, with the random state before
it, and repeated. The gradient that the user's backward pass brings to the model's outputs is then
taken through the repeated pass; so any loss will do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from cockpit.backward.randomness import RandomState, random_state_kept

__all__ = [
    "ModelCall",
    "NotRepeated",
    "Repetition",
    "differentiable",
    "is_compiled",
    "named_parameters",
    "plain_name",
    "uncompiled",
    "watch_calls",
    "why_unseen",
]

WRAPPER = "_orig_mod"  # how torch.compile calls the model inside
TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-3}
HALF_TOLERANCE = 5e-2


class NotRepeated(Exception):  # noqa: N818 - not an error: a fact about a step
    """The call of a compiled model can't be repeated; the text says why."""


def is_compiled(model: nn.Module) -> bool:
    """Whether the model or a part of it is compiled."""
    return any(
        WRAPPER in module._modules or module._compiled_call_impl is not None
        for module in model.modules()
    )


def uncompiled(module: Any) -> Any:
    """What ``torch.compile`` was given."""
    return getattr(module, WRAPPER, module) if isinstance(module, nn.Module) else module


def named_parameters(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The parameters by the names that they have in the uncompiled model."""
    for name, p in model.named_parameters():
        yield plain_name(name), p


def plain_name(name: str) -> str:
    """The name of a module or parameter in the uncompiled model."""
    return ".".join(part for part in name.split(".") if part != WRAPPER)


def why_unseen(model: nn.Module) -> str:
    """Why nothing can be seen of a model's forward passes; empty if something can."""
    if not isinstance(uncompiled(model), torch.jit.ScriptModule):
        return ""
    return (
        "the model is a torch.jit.ScriptModule, which takes no hooks. Train the nn.Module that it "
        "was made of, compiled with torch.compile if need be, and script that for deployment"
    )


class _CallHandle:
    """Sees the calls of a model that was compiled in place, which runs no hooks of its own."""

    def __init__(self, model: nn.Module, before: Callable, after: Callable) -> None:
        original: Any = model._compiled_call_impl
        self._model, self._original = model, original

        def call(*args: Any, **kwargs: Any) -> Any:
            before(model, args, kwargs)
            output = original(*args, **kwargs)
            after(model, args, output)
            return output

        self._call = model._compiled_call_impl = call

    def remove(self) -> None:
        """Call the compiled model directly again."""
        if self._model._compiled_call_impl is self._call:
            self._model._compiled_call_impl = self._original


def watch_calls(model: nn.Module, before: Callable, after: Callable) -> list[Any]:
    """See the calls of a model, compiled or not; handles with ``remove``."""
    if model._compiled_call_impl is not None:
        return [_CallHandle(model, before, after)]
    return [
        model.register_forward_pre_hook(before, with_kwargs=True),
        model.register_forward_hook(after),
    ]


@dataclass(eq=False)
class ModelCall:
    """One call of a compiled model, as far as it takes to repeat it.

    Attributes:
        args, kwargs: Its arguments, tensors detached.
        versions: Version counters of the arguments when the model ran.
        random: State of the random generators before it.
        autocast: Whether autocast was on, and its precision, by kind of device.
        buffers: Copies of the buffers before it, by module and name.
        outputs: The tensors that it returned and that carry a gradient.
        grads: The gradients that came to them, by place.
    """

    args: tuple
    kwargs: dict[str, Any]
    versions: tuple[int, ...]
    random: RandomState
    autocast: dict[str, tuple[bool, torch.dtype]]
    buffers: dict[tuple[nn.Module, str], Tensor]
    outputs: list[Tensor] = field(default_factory=list)
    grads: dict[int, Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, model: nn.Module, args: tuple, kwargs: dict[str, Any]) -> ModelCall:
        """Remember a call that is about to be made."""
        kinds = ("cpu", torch.accelerator.current_accelerator(True))
        names = dict.fromkeys(k if isinstance(k, str) else k.type for k in kinds if k is not None)
        return cls(
            tree_map_only(Tensor, Tensor.detach, args),
            tree_map_only(Tensor, Tensor.detach, kwargs),
            _versions(args, kwargs),
            RandomState.now(),
            {n: (torch.is_autocast_enabled(n), torch.get_autocast_dtype(n)) for n in names},
            {
                (module, name): buffer.detach().clone()
                for module in model.modules()
                for name, buffer in module._buffers.items()
                if buffer is not None
            },
        )

    def is_intact(self) -> bool:
        """Whether no argument has been overwritten since."""
        return self.versions == _versions(self.args, self.kwargs)

    def release(self) -> None:
        """Let go of all tensors."""
        self.args, self.kwargs, self.buffers, self.outputs, self.grads = (), {}, {}, [], {}


class Repetition:
    """A call of the model, repeated without compilation.

    Args:
        model: The model.
        call: The call; its random numbers, precision and buffers are those of then.

    Attributes:
        call: The same.
        outputs: As ``call.outputs``, on the graph of the repeated pass.

    Raises:
        NotRepeated: If it can't be repeated, or gives something else.
    """

    def __init__(self, model: nn.Module, call: ModelCall) -> None:
        if not call.is_intact():
            raise NotRepeated("an input of the compiled model was overwritten in place")
        self.call = call
        with _as_before(model, call), torch.compiler.set_stance("force_eager"):
            self.outputs = differentiable(model(*call.args, **call.kwargs))
        if not _agree(self.outputs, call.outputs):
            raise NotRepeated(
                "the compiled model gives another output than the model itself when that is run "
                "with the same random numbers (for dropout under the default backend, set "
                "torch._inductor.config.fallback_random = True)"
            )

    def surrogate(self, loss: Tensor) -> Tensor:
        """A loss on the repeated graph with the gradient and the Hessian of ``loss``.

        Gᵀd + ½ dᵀHd, where d = f − f(θ(t)) is the change of the outputs, G and H are gradient and
        Hessian of the loss with respect to them.
        """
        grads = torch.autograd.grad(loss, self.call.outputs, create_graph=True, allow_unused=True)
        used = [i for i, g in enumerate(grads) if g is not None]
        outputs = [self.call.outputs[i] for i in used]
        kept = [g for g in grads if g is not None]
        change = [self.outputs[i] - self.outputs[i].detach() for i in used]
        linear = [(g.detach() * d).sum() for g, d in zip(kept, change, strict=True)]
        live = [i for i, g in enumerate(kept) if g.requires_grad]

        def product(*directions: Tensor) -> tuple[Tensor, ...]:
            found = torch.autograd.grad(
                [kept[i] for i in live],
                outputs,
                [directions[i] for i in live],
                retain_graph=True,
                allow_unused=True,
            )
            pairs = zip(found, directions, strict=True)
            return tuple(torch.zeros_like(d) if h is None else h for h, d in pairs)

        total = torch.stack(linear).sum()
        if live:
            curved = _Symmetric.apply(product, *change)
            pairs = zip(curved, change, strict=True)
            total = total + torch.stack([(h * d).sum() for h, d in pairs]).sum() / 2
        return total

    def carry(self, later: Tensor, grad: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Outputs of the repeated pass, and their gradients where ``later`` has ``grad``.

        Args:
            later: Computed from the outputs of the user's pass, or one of them.
            grad: In its shape.
        """
        outputs = self.call.outputs
        found = torch.autograd.grad(later, outputs, grad, retain_graph=True, allow_unused=True)
        used = [i for i, g in enumerate(found) if g is not None]
        return [self.outputs[i] for i in used], [g for g in found if g is not None]

    def gradients(self) -> tuple[list[Tensor], list[Tensor]]:
        """Outputs of the repeated pass, and what the user's backward pass brought to them."""
        places = sorted(self.call.grads)
        return [self.outputs[i] for i in places], [self.call.grads[i] for i in places]


class _Symmetric(torch.autograd.Function):
    """u ↦ Hu for a symmetric H: its own derivative, as often as one likes."""

    @staticmethod
    def forward(ctx: Any, product: Callable, *directions: Tensor) -> tuple[Tensor, ...]:
        ctx.product = product
        with torch.enable_grad():
            return tuple(h.detach() for h in product(*(d.detach() for d in directions)))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        return (None, *_Symmetric.apply(ctx.product, *grads))


def differentiable(output: Any) -> list[Tensor]:
    """The tensors in nested outputs that carry a gradient, each once."""
    found = [x for x in tree_leaves(output) if isinstance(x, Tensor) and x.requires_grad]
    return list({id(x): x for x in found}.values())


def _agree(some: Sequence[Tensor], others: Sequence[Tensor]) -> bool:
    if [x.shape for x in some] != [x.shape for x in others]:
        return False
    for x, y in zip(some, others, strict=True):
        tolerance = TOLERANCE.get(y.dtype, HALF_TOLERANCE) * y.detach().abs().amax()
        if not bool(((x - y).detach().abs().amax() <= tolerance) | ~torch.isfinite(tolerance)):
            return False
    return bool(some)


@contextmanager
def _as_before(model: nn.Module, call: ModelCall) -> Iterator[None]:
    """Random state, autocast and the modules' state as before the call; afterwards as now."""
    with ExitStack() as stack:
        stack.enter_context(random_state_kept())
        for kind, (enabled, dtype) in call.autocast.items():
            stack.enter_context(torch.autocast(kind, dtype, enabled=enabled))
        stack.enter_context(_set_aside(model, call.buffers))
        call.random.restore()
        yield


@contextmanager
def _set_aside(model: nn.Module, buffers: Mapping[tuple[nn.Module, str], Tensor]) -> Iterator[None]:
    """Let the modules work on other buffers, and take back what they note of the call."""
    kept = [(m, dict(vars(m)), dict(m._buffers)) for m in model.modules()]
    try:
        for (module, name), before in buffers.items():
            module._buffers[name] = before.clone()
        yield
    finally:
        for module, attributes, own in kept:
            _restore(module._buffers, own)
            _restore(vars(module), attributes)


def _restore(now: dict[str, Any], before: Mapping[str, Any]) -> None:
    for name in [name for name in now if name not in before]:
        del now[name]
    for name, value in before.items():
        if name not in now or now[name] is not value:
            now[name] = value


def _versions(*nested: Any) -> tuple[int, ...]:
    return tuple(x._version for x in tree_leaves(nested) if isinstance(x, Tensor))
