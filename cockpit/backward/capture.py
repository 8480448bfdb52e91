"""Hooks that keep, for every use of parameters in a tracked step, its input and output gradient.

A forward hook puts a hook on the layer's *output tensor*, not on the module: module-level
backward hooks (those of ``backpack.extend``) wrap the output in a view and so break in-place
activations and residual sums; a tensor hook sees the gradient of the value that the layer
returned, whatever is done to it afterwards. Calls live as long as the graph, and at most until
:meth:`Capture.forget`; a sink that is open during the backward pass keeps them longer.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.utils._pytree import tree_leaves

from cockpit.backward.compiled import (
    ModelCall,
    NotRepeated,
    Repetition,
    differentiable,
    is_compiled,
    watch_calls,
)
from cockpit.backward.layer_call import LayerCall, capturable_modules, origin, saves_elsewhere
from cockpit.backward.passes import last_node_of

if TYPE_CHECKING:
    from cockpit.backward.nodes.use import NodeUse

__all__ = ["Capture", "first_tensor"]


def first_tensor(*nested: Any) -> Tensor | None:
    """The first tensor with a dimension in nested containers, or ``None``."""
    for leaf in tree_leaves(nested):
        if isinstance(leaf, Tensor) and leaf.dim() > 0:
            return leaf
    return None


def _version(x: Tensor) -> int:
    return 0 if x.is_inference() else x._version


def _detached(nested: Any) -> Any:
    return torch.utils._pytree.tree_map_only(Tensor, Tensor.detach, nested)


def _harmless(hook: Callable[..., None]) -> Callable[..., None]:
    """Keep a fault of a hook from the user's forward or backward pass that it runs in."""

    @functools.wraps(hook)
    def guarded(self: Capture, *args: Any) -> None:
        if torch.compiler.is_compiling():
            return  # the compiler traces what it finds: leave nothing in the user's program
        try:
            if self._seeing:
                hook(self, *args)
        except Exception as error:
            self.fault = error

    return guarded


class Capture:
    """Attaches to a model and records the layer calls of its forward and backward passes.

    Args:
        model: The model that is trained.

    Attributes:
        batch_size: First axis of the model's first tensor argument in the last forward pass.
        output: First tensor that the model returned in it.
        fault: What went wrong in a hook, if anything did.
        compiled: Whether the model is compiled: then only its calls are seen, not its layers'.
        call: The last call of a compiled model.
        on_forward: Called when a forward pass begins.
        on_evaluation: Called when one begins of which nothing can be differentiated.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.on_forward: Callable[[], None] | None = None
        self.on_evaluation: Callable[[], None] | None = None
        self._handles: list[torch.utils.hooks.RemovableHandle] = []
        self._layers: dict[nn.Module, torch.utils.hooks.RemovableHandle] = {}
        self._sink: list[Any] | None = None
        self._paused = False
        self._repeating = False
        self._edges: list[tuple[Any, int, GradientEdge]] = []
        self._live: weakref.WeakSet[Any] = weakref.WeakSet()
        # Of the forward passes, by the number of an output's node.
        self._sizes: dict[int, int] = {}
        self._outputs: dict[int, weakref.ref[Tensor]] = {}
        self._inputs: dict[int, tuple[weakref.ref[Tensor], int]] = {}  # with its version then
        self._input: tuple[Tensor, int] | None = None  # of the last one
        self.batch_size: int | None = None
        self.output: Tensor | None = None
        self.fault: Exception | None = None
        self.compiled = False
        self.call: ModelCall | None = None
        self._others: weakref.WeakSet[ModelCall] = weakref.WeakSet()

    def __getstate__(self) -> dict[str, Any]:
        # A model that is copied or pickled carries its hooks along; those of the copy see nothing.
        return {"_paused": True, "fault": None}

    @property
    def attached(self) -> bool:
        """Whether forward passes are seen at present."""
        return bool(self._handles)

    def attach(self) -> None:
        """Begin to see forward passes (those with gradients enabled)."""
        compiled = is_compiled(self.model)
        if self.attached and compiled != self.compiled:
            self.detach()  # compiled in place meanwhile
        if self.attached:
            return
        self.compiled = compiled
        self._handles = watch_calls(self.model, self._before_forward, self._after_forward)
        if not compiled:
            self._attach_to_layers()

    def _attach_to_layers(self) -> None:
        """See the layers that the model has now; some may be new (adapters), others gone."""
        now = dict.fromkeys(capturable_modules(self.model))
        for gone in [module for module in self._layers if module not in now]:
            self._layers.pop(gone).remove()
        for module in now:
            if module not in self._layers:
                hook = module.register_forward_hook(self._after_layer, with_kwargs=True)
                self._layers[module] = hook

    def detach(self) -> None:
        """Stop seeing forward passes and forget what was seen."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._detach_from_layers()
        self.forget()

    def _detach_from_layers(self) -> None:
        for handle in self._layers.values():
            handle.remove()
        self._layers = {}

    def forget(self) -> None:
        """Let go of all that was seen and is in no sink.

        The graph refers to the calls; where it outlives the step (a user who collects losses), they
        must not keep the layers' inputs.
        """
        for call in list(self._live):
            if not call.grads:
                call.release()
        for past in list(self._others):
            past.release()
        self._live.clear()
        self._others.clear()
        self._sizes, self._outputs, self._inputs = {}, {}, {}
        self._new_forward()

    def _new_forward(self) -> None:
        self._edges = []
        self._input = None
        self.output = None
        self.batch_size = None
        self.call = None

    def size_behind(self, loss: Tensor | None) -> int | None:
        """Number of samples of the forward pass that a loss comes from, the last one of several."""
        if loss is None or len(set(self._sizes.values())) <= 1:
            return self.batch_size
        number = last_node_of(loss, self._sizes)
        return self.batch_size if number is None else self._sizes[number]

    def output_behind(self, loss: Tensor) -> Tensor | None:
        """First tensor that the model returned in the forward pass that a loss comes from."""
        if len(self._outputs) <= 1:
            return self.output
        number = last_node_of(loss, self._outputs)
        return self.output if number is None else self._outputs[number]()

    def input_behind(self, loss: Tensor) -> tuple[Tensor | None, bool]:
        """First tensor argument of the forward pass that a loss comes from.

        Returns:
            The tensor, ``None`` if it is not known any more; and whether it is what it was then.
        """
        found, version = self._input or (None, 0)
        if len(self._inputs) > 1:
            number = last_node_of(loss, self._inputs)
            if number is not None:
                reference, version = self._inputs[number]
                found = reference()
        return found, found is not None and _version(found) == version

    def leads_to(self, root: Tensor) -> bool:
        """Whether an output of the model is in the graph of a tensor."""
        return last_node_of(root, self._sizes) is not None

    def repeat(self) -> Repetition:
        """The last call of a compiled model once more: its layer calls are seen now.

        Raises:
            NotRepeated: If it can't be repeated.
        """
        if self.call is None:
            raise NotRepeated("no call of the compiled model was seen")
        self._attach_to_layers()
        paused, self._paused, self._repeating = self._paused, False, True
        try:
            repetition = Repetition(self.model, self.call)
        finally:
            self._paused, self._repeating = paused, False
            self._detach_from_layers()
        self.output = repetition.outputs[0]
        return repetition

    def differentiated(self) -> list[ModelCall]:
        """The calls of a compiled model that a backward pass has gone through."""
        return [call for call in self._others if call.grads]

    def collect(self, sink: list[Any] | None) -> None:
        """Put the layer calls of the backward passes that run from now on into this list."""
        self._sink, self._collected = sink, {id(call) for call in sink or ()}

    @contextmanager
    def into(self, sink: list[Any]) -> Iterator[list[Any]]:
        """Collect the layer calls whose backward pass runs inside this context."""
        outer = self._sink
        self.collect(sink)
        try:
            yield sink
        finally:
            self.collect(outer)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """See no forward pass inside this context."""
        outer, self._paused = self._paused, True
        try:
            yield
        finally:
            self._paused = outer

    @property
    def _seeing(self) -> bool:
        return torch.is_grad_enabled() and not self._paused

    def calls(self) -> list[Any]:
        """The uses of parameters since the last forward pass began, without gradients."""
        return list(dict.fromkeys(call for call, *_ in self._edges))

    def edges(self) -> list[tuple[Any, int, GradientEdge]]:
        """The uses since the last forward pass began, by output: use, place, gradient edge."""
        return list(self._edges)

    def uses_at(self, nodes: Collection[Any]) -> set[Any]:
        """The uses of the last forward pass that have an output at one of these nodes."""
        return {call for call, _, edge in self._edges if edge.node in nodes}

    def living(self) -> dict[LayerCall, list[Any]]:
        """The layer calls of all forward passes that have not been differentiated.

        Each with the nodes of its outputs, where they are known: of the last forward pass.
        """
        found: dict[LayerCall, list[Any]] = {
            call: [] for call in self._live if isinstance(call, LayerCall) and not call.grads
        }
        for call, _, edge in self._edges:
            if call in found:
                found[call].append(edge.node)
        return found

    def watch(self, uses: Iterable[NodeUse]) -> None:
        """See the gradients of uses beside layers, too."""
        for use in uses:
            use.node.register_prehook(self._at_node(weakref.ref(use)))
            self._live.add(use)
            self._edges.append((use, 0, GradientEdge(use.node, 0)))

    def backpropagate(
        self,
        output: Tensor | Sequence[Tensor],
        grad: Tensor | Sequence[Tensor],
        only: Collection[Any] | None = None,
    ) -> list[Any]:
        """The uses of parameters with the gradients that ``grad`` at ``output`` gives them.

        No parameter gradient is computed and nothing accumulates; the graph is kept.

        Args:
            output: Where the pass begins, one place or several.
            grad: The gradient there.
            only: The calls that are wanted; default: all.
        """
        edges = [edge for edge in self._edges if only is None or edge[0] in only]
        if not edges:
            return []
        with self.paused():
            grads = torch.autograd.grad(
                output, [edge for *_, edge in edges], grad, retain_graph=True, allow_unused=True
            )
        calls: dict[Any, Any] = {}
        for (call, place, _), g in zip(edges, grads, strict=True):
            if g is not None:
                if call not in calls:
                    calls[call] = replace(call, grads={})
                calls[call].receive(place, g)
        return list(calls.values())

    def _before_forward(self, model: nn.Module, args: tuple, kwargs: dict) -> None:
        if torch.compiler.is_compiling():
            return
        if torch.is_grad_enabled() or self._paused:
            self._before_training(model, args, kwargs)
        elif self.on_evaluation is not None:
            self.on_evaluation()

    @_harmless
    def _before_training(self, model: nn.Module, args: tuple, kwargs: dict) -> None:
        if self._repeating:
            return
        self._new_forward()
        if self.on_forward is not None:
            self.on_forward()
        tensor = first_tensor(args, kwargs)
        self.batch_size = None if tensor is None else tensor.shape[0]
        self._input = None if tensor is None else (tensor, _version(tensor))
        if self.compiled:
            self.call = ModelCall.of(model, args, kwargs)
            self._others.add(self.call)
        else:
            self._attach_to_layers()

    @_harmless
    def _after_forward(self, model: nn.Module, args: tuple, output: Any) -> None:
        if self._repeating:
            return
        self.output = first_tensor(output)
        if self.output is not None and self.output.grad_fn is not None:
            number = self.output.grad_fn._sequence_nr()
            self._outputs[number] = weakref.ref(self.output)
            if self._input is not None:
                given, version = self._input
                self._inputs[number] = weakref.ref(given), version
        if self.batch_size is not None:
            nodes = (out.grad_fn for out in differentiable(output))
            numbers = [node._sequence_nr() for node in nodes if node is not None]
            self._sizes |= dict.fromkeys(numbers, self.batch_size)
        if self.call is not None:
            self.call.outputs = differentiable(output)
            for place, out in enumerate(self.call.outputs):
                out.register_hook(self._at_output(self.call, place))

    @_harmless
    def _after_layer(self, module: nn.Module, args: tuple, kwargs: dict, output: Any) -> None:
        call: LayerCall | None = None
        for place, out in enumerate(tree_leaves(output)):
            if not (isinstance(out, Tensor) and out.requires_grad):
                continue
            if call is None:
                inputs, keywords = _detached(args), _detached(kwargs)
                call = LayerCall(module, inputs, keywords, ())
                call.versions = tuple(x._version for x in call.tensors())
                call.is_packed = saves_elsewhere()
                if args and isinstance(args[0], Tensor):
                    call.source, call.is_multiplied = origin(args[0].grad_fn, args[0].output_nr)
                self._live.add(call)
            call.shapes[place] = out.shape
            out.register_hook(self._on_gradient(call, place))
            edge = get_gradient_edge(out)
            call.order = max(call.order, edge.node._sequence_nr())
            self._edges.append((call, place, edge))

    def _on_gradient(self, call: LayerCall, place: int) -> Any:
        def hook(grad: Tensor | None) -> None:  # None of an output that nothing came of
            if grad is not None:
                self._receive(call, place, grad)

        return hook

    def _at_output(self, call: ModelCall, place: int) -> Any:
        def hook(grad: Tensor | None) -> None:  # None of an output that nothing came of
            if self._sink is not None and grad is not None:
                call.grads[place] = call.grads[place] + grad if place in call.grads else grad

        return hook

    def _at_node(self, use: weakref.ref[NodeUse]) -> Any:
        # Weakly: a use knows its node, and a cycle through the graph would never be freed.
        def hook(grads: tuple[Tensor | None, ...]) -> None:
            found = use()
            if found is not None and grads[0] is not None:
                try:
                    self._receive(found, 0, grads[0])
                except Exception as error:
                    self.fault = error

        return hook

    def _receive(self, call: Any, place: int, grad: Tensor) -> None:
        if self._sink is None:
            return
        if id(call) not in self._collected:  # a further pass through the same graph is another one
            self._collected.add(id(call))
            self._sink.append(call)
            call.grads = {}
        call.receive(place, grad)
