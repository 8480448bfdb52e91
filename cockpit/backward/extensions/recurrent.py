"""Recurrent layers: run again over time, all samples at once.

torch's own kernels do not tell the gradients at the gates. They follow from one backward pass over
the same recurrence, written out. There each weight is used once a time step, as in a fully
connected layer: g = Σₜ δₜ xₜᵀ with the gradient δₜ before the gates' nonlinearity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from cockpit.backward.extensions.base import (
    Chunked,
    Contribution,
    Outer,
    Unsupported,
    rule_for_whole_layers,
    widened,
)
from cockpit.backward.layer_call import LayerCall
from cockpit.backward.layout import Layout

__all__ = ["recurrent"]

State = tuple[Tensor, ...]  # (h,), or (h, c) of an LSTM
Cell = Callable[[Tensor, Tensor, State, Callable[[Tensor], Tensor]], State]


@dataclass
class Unrolled:
    """One direction of one layer, run again; lists are over time, in the order of the run.

    Attributes:
        x: Input, [T, N, i].
        gates: W_ih x + b_ih for all times, [T, N, G].
        recurrent: W_hh h + b_hh, [N, G] each.
        before: The state h that this was made of.
        unprojected: What a projection W_hr was applied to.
        projected: The result.
        times: Which time each entry of the lists belongs to.
    """

    x: Tensor
    gates: Tensor
    recurrent: list[Tensor] = field(default_factory=list)
    before: list[Tensor] = field(default_factory=list)
    unprojected: list[Tensor] = field(default_factory=list)
    projected: list[Tensor] = field(default_factory=list)
    times: list[int] = field(default_factory=list)

    def tensors(self) -> list[Tensor]:
        """Where gradients are wanted."""
        return [self.gates, *self.recurrent, *self.projected]


@rule_for_whole_layers(nn.RNN, nn.LSTM, nn.GRU)
def recurrent(call: LayerCall, layout: Layout, batch_size: int) -> dict[str, Contribution]:
    """All weights, biases and projections of all layers and directions."""
    module: nn.RNNBase = call.module
    if module.training and module.dropout > 0 and module.num_layers > 1:
        raise Unsupported(f"{type(module).__name__} draws random numbers (dropout between layers)")
    with torch.enable_grad():
        runs, outputs = _run(module, call)
        wanted = [tensor for run in runs.values() for tensor in run.tensors()]
        pairs = [_pair(module, call, place, outputs) for place in call.grads]
        ends, grads = zip(*pairs, strict=True)
        found = torch.autograd.grad(ends, wanted, grads, allow_unused=True)
    gradients = {
        id(x): torch.zeros_like(x) if g is None else g for x, g in zip(wanted, found, strict=True)
    }
    result: dict[str, Contribution] = {}
    for suffix, run in runs.items():
        result |= {f"{name}_{suffix}": part for name, part in _parts(run, gradients).items()}
    return result


def _parts(run: Unrolled, gradients: dict[int, Tensor]) -> dict[str, Contribution]:
    def samples_first(tensors: list[Tensor]) -> Tensor:
        return torch.stack(tensors, 1).detach()

    of_gates = gradients[id(run.gates)].transpose(0, 1)
    of_recurrent = samples_first([gradients[id(x)] for x in run.recurrent])
    parts: dict[str, Contribution] = {
        "weight_ih": Outer(run.x.detach().transpose(0, 1), of_gates),
        "weight_hh": Outer(samples_first(run.before), of_recurrent),
        "bias_ih": Chunked.of(of_gates.sum(1)),
        "bias_hh": Chunked.of(of_recurrent.sum(1)),
    }
    if run.projected:
        of_projected = samples_first([gradients[id(x)] for x in run.projected])
        parts["weight_hr"] = Outer(samples_first(run.unprojected), of_projected)
    return parts


def _run(module: Any, call: LayerCall) -> tuple[dict[str, Unrolled], list[Tensor]]:
    """All layers; by the suffix of their parameters' names, and the tensors that torch returns."""
    weights = {name: widened(p.detach()) for name, p in module.named_parameters()}
    x, lengths = _input(module, call, next(iter(weights.values())).dtype)
    states = _initial_states(module, call, x)
    cell = CELLS[module.mode]
    runs: dict[str, Unrolled] = {}
    final: list[State] = []
    for layer in range(module.num_layers):
        outputs = []
        for direction in range(1 + module.bidirectional):
            suffix = f"l{layer}" + "_reverse" * direction
            own = {k.removesuffix("_" + suffix): w for k, w in weights.items() if _is(k, suffix)}
            runs[suffix], output, state = _unroll(
                cell, own, x, states[len(final)], lengths, backwards=bool(direction)
            )
            outputs.append(output)
            final.append(state)
        x = torch.cat(outputs, 2)
    last = [torch.stack(parts) for parts in zip(*final, strict=True)]
    return runs, [x, *last]


def _is(name: str, suffix: str) -> bool:
    return name.partition("_l")[2] == suffix[1:]


def _unroll(
    cell: Cell,
    weights: dict[str, Tensor],
    x: Tensor,
    state: State,
    lengths: Tensor | None,
    backwards: bool,
) -> tuple[Unrolled, Tensor, State]:
    """One layer in one direction: its intermediate results, its output and its last state."""
    run = Unrolled(x, _tracked(F.linear(x, weights["weight_ih"], weights.get("bias_ih"))))

    def project(h: Tensor) -> Tensor:
        if "weight_hr" not in weights:
            return h
        run.unprojected.append(h)
        run.projected.append(F.linear(h, weights["weight_hr"]))
        return run.projected[-1]

    outputs: dict[int, Tensor] = {}
    steps = range(len(x))
    for t in reversed(steps) if backwards else steps:
        run.before.append(state[0])
        of_state = F.linear(state[0], weights["weight_hh"], weights.get("bias_hh"))
        run.recurrent.append(_tracked(of_state))
        new = cell(run.gates[t], run.recurrent[-1], state, project)
        if lengths is not None:  # a sequence that has ended keeps its state
            goes_on = (t < lengths).unsqueeze(1)
            new = tuple(torch.where(goes_on, a, b) for a, b in zip(new, state, strict=True))
        state = new
        outputs[t] = state[0]
    return run, torch.stack([outputs[t] for t in steps]), state


def _tracked(x: Tensor) -> Tensor:
    return x if x.requires_grad else x.requires_grad_()


def _lstm(gates: Tensor, of_state: Tensor, state: State, project: Any) -> State:
    i, f, g, o = (gates + of_state).chunk(4, 1)
    c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
    return project(o.sigmoid() * c.tanh()), c


def _gru(gates: Tensor, of_state: Tensor, state: State, project: Any) -> State:
    (r, z, n), (r_h, z_h, n_h) = gates.chunk(3, 1), of_state.chunk(3, 1)
    z = (z + z_h).sigmoid()
    new = (n + (r + r_h).sigmoid() * n_h).tanh()
    return ((1 - z) * new + z * state[0],)


def _tanh(gates: Tensor, of_state: Tensor, state: State, project: Any) -> State:
    return ((gates + of_state).tanh(),)


def _relu(gates: Tensor, of_state: Tensor, state: State, project: Any) -> State:
    return ((gates + of_state).relu(),)


CELLS: dict[str, Cell] = {"LSTM": _lstm, "GRU": _gru, "RNN_TANH": _tanh, "RNN_RELU": _relu}


def _input(module: Any, call: LayerCall, dtype: torch.dtype) -> tuple[Tensor, Tensor | None]:
    """The input as [T, N, i], and the lengths of the sequences where they differ."""
    given = _argument(call)
    if isinstance(given, PackedSequence):
        x, lengths = pad_packed_sequence(given)
        return x.to(dtype), lengths.to(x.device)
    if given.dim() != 3:
        raise Unsupported("its input has no sample axis")
    x = given.transpose(0, 1) if module.batch_first else given
    return x.to(dtype), None


def _initial_states(module: Any, call: LayerCall, x: Tensor) -> list[State]:
    """The given or zero states, for each layer and direction."""
    given = call.inputs[1] if len(call.inputs) > 1 else call.keywords.get("hx")
    count = module.num_layers * (1 + module.bidirectional)
    size = module.proj_size or module.hidden_size
    if given is None:
        zeros = x.new_zeros(count, x.shape[1], size)
        cells = x.new_zeros(count, x.shape[1], module.hidden_size)
        given = (zeros, cells) if module.mode == "LSTM" else (zeros,)
    elif isinstance(given, Tensor):
        given = (given,)
    return [tuple(part[k].to(x.dtype) for part in given) for k in range(count)]


def _pair(module: Any, call: LayerCall, place: int, outputs: list[Tensor]) -> tuple[Tensor, Tensor]:
    """An output of the run, and the gradient of the layer's in the axes of the run."""
    given, grad = _argument(call), call.grads[place]
    if isinstance(given, PackedSequence):
        # It counts as four outputs: the data, and three tensors of indices.
        output = outputs[max(place - 3, 0)]
        grad = pad_packed_sequence(given._replace(data=grad))[0] if place == 0 else grad
    else:
        output = outputs[place]
        grad = grad.transpose(0, 1) if place == 0 and module.batch_first else grad
    return output, grad.to(output.dtype)


def _argument(call: LayerCall) -> Any:
    return call.inputs[0] if call.inputs else call.keywords["input"]
