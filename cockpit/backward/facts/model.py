"""Facts of the model: how its modules stand, and what of it is trained."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.dropout import _DropoutNd

from cockpit.backward.compiled import named_parameters, plain_name, uncompiled
from cockpit.backward.facts.fetch import Then
from cockpit.backward.facts.group import MOST_NAMES, Found, Group, Seen, Settled, plain
from cockpit.backward.layer_call import LayerCall, Place, origin
from cockpit.linalg import norms

__all__ = [
    "Model",
    "chain_facts",
    "first_input_facts",
    "gain_facts",
    "modules_facts",
    "training_facts",
    "weights_facts",
]

LINEAR = (nn.Linear, _ConvNd)
WEIGHTED = (*LINEAR, nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention)
# Not the parts that weight normalization and its like make a weight of: their scale is not its.
WEIGHT = re.compile(r"weight(_(ih|hh|hr)(_l\d+(_reverse)?)?)?|(in|[qkv])_proj_weight")
FEWEST = 16  # elements of a weight whose scale is looked at: of fewer, chance makes too much


def modules_facts(model: nn.Module) -> Found:
    """In which mode the modules are."""
    switched = [(n, m) for n, m in model.named_modules() if isinstance(m, _DropoutNd | _BatchNorm)]
    dropouts = [m.p for _, m in switched if isinstance(m, _DropoutNd) and m.training]
    return {
        "model.training": uncompiled(model).training,
        "model.evaluating": _few(plain_name(n) for n, m in switched if not m.training),
        "model.dropout": max(map(float, dropouts), default=0.0),
        "model.modules_bn": sum(isinstance(m, _BatchNorm) for _, m in switched),
    }


def training_facts(parameters: Mapping[str, Tensor]) -> Found:
    """Which parameters are frozen, and their share of all elements.

    Args:
        parameters: All of the model, by name.
    """
    frozen = [name for name, p in parameters.items() if not p.requires_grad]
    share = 0.0
    if frozen:
        total = sum(p.numel() for p in parameters.values())
        share = sum(parameters[name].numel() for name in frozen) / max(total, 1)
    return {"model.frozen": _few(frozen), "model.frozen_share": share}


def weights_facts(parameters: Mapping[str, Tensor]) -> Found:
    """Which weights (two axes or more) are zero throughout, or have rows that are all equal.

    Args:
        parameters: All of the model, by name.
    """
    weights = {name: x for name, p in parameters.items() if (x := plain(p)) is not None}
    weights = {name: x for name, x in weights.items() if x.dim() > 1 and x.numel()}
    filled = {name: x.any() for name, x in weights.items()}
    several = {name: x if len(x) > 1 else x.reshape(-1, 1) for name, x in weights.items()}
    equal = {n: (x[1:] == x[0]).all() & filled[n] for n, x in several.items() if len(x) > 1}
    return {
        "model.zero_weights": _names_where({name: ~flag for name, flag in filled.items()}),
        "model.symmetric": _names_where(equal),
    }


def gain_facts(model: nn.Module) -> Found:
    """How much a layer multiplies: the median of rms(w) · √fan-in over its trained weights.

    That is ‖w‖ / √rows, and what the outputs are larger than the inputs where these are independent
    and centred; 1/√3 as torch initializes layers. Weights of zeros, which a layer may begin with
    for good reasons, do not count; nor do those with one element in a row, or fewer than 16 in all.

    Args:
        model: With the weights as they are now.
    """
    weights = [
        x
        for p in _layer_weights(model)
        if (x := plain(p)) is not None and x.numel() >= max(FEWEST, 2 * len(x))
    ]
    if not weights:
        return {}
    roots = np.sqrt([len(x) for x in weights])

    def middle(lengths: np.ndarray) -> float | None:
        gains = lengths / roots
        gains = gains[np.isfinite(gains) & (gains > 0)]
        return float(np.median(gains)) if gains.size else None

    return {"model.gain": Then([norms(weights)], middle)}


def _layer_weights(model: nn.Module) -> Iterator[nn.Parameter]:
    """Trained weights whose rows make the outputs, each once; not those of tables.

    Of a transposed convolution the rows are the inputs. A head may share the weight of an
    embedding, which has the scale of the latter.
    """
    tables = (nn.Embedding, nn.EmbeddingBag)
    seen = {id(m._parameters.get("weight")) for m in model.modules() if isinstance(m, tables)}
    for module in model.modules():
        if not isinstance(module, WEIGHTED) or getattr(module, "transposed", False):
            continue
        for name, p in module._parameters.items():
            if p is None or id(p) in seen or not (p.requires_grad and WEIGHT.fullmatch(name)):
                continue
            if p.dim() > 1:  # some wrappers keep flat pieces in its place
                seen.add(id(p))
                yield p


def chain_facts(calls: Sequence[tuple[str, Place | None, Place | None]]) -> Found:
    """Which linear layers get what a linear layer has returned, reshaped and scaled at most.

    Args:
        calls: Of linear and convolutional layers: name, where its input was made, and its output.
    """
    made_at = {made: name for name, _, made in calls if made is not None}
    chained = (f"{made_at[source]} -> {name}" for name, source, _ in calls if source in made_at)
    return {"model.linear_chain": _few(dict.fromkeys(chained))}


def first_input_facts(calls: Iterable[LayerCall], size: int | None = None) -> Found:
    """Root mean square of what the first layer of a forward pass was given, norms apart.

    Only of layers of torch's own whose first argument is what they weigh.

    Args:
        calls: Of all layers, in order.
        size: Elements of the model's input; nothing is said where the layer was given another
            number of them, as by another input.
    """
    first = next((call for call in calls if "Norm" not in type(call.module).__name__), None)
    if first is None or not isinstance(first.module, WEIGHTED) or not first.is_intact():
        return {}
    x = next(iter(first.tensors()), None)
    if x is None or not x.is_floating_point() or not x.numel():
        return {}
    if size is not None and size != x.numel():
        return {}
    root = math.sqrt(x.numel())
    return {"model.first_input": Then([norms([x])], lambda length: float(length[0]) / root)}


def _few(names: Iterable[str]) -> list[str]:
    return list(islice(names, MOST_NAMES))


def _names_where(flags: Mapping[str, Tensor]) -> Then:
    names = tuple(flags)
    return Then(
        list(flags.values()),
        lambda *found: _few(name for name, flag in zip(names, found, strict=True) if flag),
    )


class Model(Group):
    """Facts of the model; those of its weights and its graph at the first tracked step only."""

    name: ClassVar[str] = "model"

    def before_backward(self, seen: Seen) -> Found:
        """As the forward pass has left it."""
        named = dict(named_parameters(seen.model))
        found = modules_facts(seen.model) | training_facts(named)
        if not seen.is_first:
            return found
        found |= weights_facts(named) | gain_facts(seen.model)
        if not seen.edges:
            return found
        calls = (call for call, *_ in seen.edges if isinstance(call, LayerCall))
        size = None if seen.inputs is None else seen.inputs.numel()
        return found | chain_facts(_linear_calls(seen)) | first_input_facts(calls, size)

    def settled(self, step: Settled) -> Found:
        """Parameters that no backward pass of the step has reached."""
        trained: dict[str, Any] = dict.fromkeys(n for p in step.passes for n in p.parameters)
        reached = {name for part in step.passes for name in part.reached}
        return {"model.without_grad": _few(name for name in trained if name not in reached)}


def _linear_calls(seen: Seen) -> list[tuple[str, Place | None, Place | None]]:
    """Name, source and output of each; the source is unknown where a gate may have been before.

    What was multiplied is taken for dropped out where the model does that.
    """
    names = {id(module): plain_name(name) for name, module in seen.model.named_modules()}
    # Elsewhere than on a CPU dropout is a node of its own.
    drops = all(p.is_cpu for p in seen.parameters.values()) and any(
        isinstance(m, _DropoutNd) and m.training and m.p for m in seen.model.modules()
    )
    return [
        (
            names.get(id(call.module), "?"),
            None if call.is_multiplied and not drops else call.source,
            origin(edge.node, edge.output_nr)[0],
        )
        for call, _, edge in seen.edges
        if isinstance(call, LayerCall) and isinstance(call.module, LINEAR)
    ]
