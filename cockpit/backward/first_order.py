"""First-order statistics of all parameters, from the layer calls of one backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from cockpit.backward import statistics as st
from cockpit.backward.capture import LayerCall, unit_parameters
from cockpit.backward.evaluate import ParameterStatistics, Wanted, evaluate, fold_rows, merge
from cockpit.backward.extensions import Contribution, Unsupported, contributions
from cockpit.backward.extensions.normalization import uses_batch_statistics
from cockpit.backward.histogram import HistogramCounter, bin_index
from cockpit.backward.stats import Absent, BackwardStats
from cockpit.log.record import Bins, Counts1d

__all__ = ["FIRST_ORDER", "IndividualGradients", "contributions_by_name"]

FIRST_ORDER = (
    st.SqNorms,
    st.DotGrad,
    st.DotUpdate,
    st.DotPreviousUpdate,
    st.SumSq,
    st.GradientHistogram,
    st.JointHistogram,
)
TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-3}  # of Σgₙ against N·ḡ; else half precision
HALF_TOLERANCE = 3e-2


def contributions_by_name(
    calls: Iterable[LayerCall], name_of: Callable[[nn.Parameter], str | None], batch_size: int
) -> tuple[dict[str, Contribution], dict[str, str]]:
    """What each parameter gets from the calls, and the reasons of those that can't be known."""
    parts: dict[str, list[Contribution]] = {}
    missing: dict[str, str] = {}
    for call in calls:
        names = {local: name_of(p) for local, p in unit_parameters(call.module) if p.requires_grad}
        try:
            for local, contribution in contributions(call).items():
                if (name := names.get(local)) is not None:
                    parts.setdefault(name, []).append(fold_rows(contribution, batch_size))
        except Unsupported as reason:
            missing.update({name: str(reason) for name in names.values() if name is not None})
    merged = {name: merge(p) for name, p in parts.items() if name not in missing}
    return merged, missing


class IndividualGradients:
    """The individual gradients of one backward pass, held as layer inputs and output gradients.

    Args:
        calls: Layer calls with their output gradients.
        parameters: Trainable parameters by name.
        batch_size: N.
        scale: N for a mean-reduced loss, 1 for a summed one: it undoes the loss's 1/N, here and
            nowhere else.
    """

    def __init__(
        self,
        calls: list[LayerCall],
        parameters: Mapping[str, nn.Parameter],
        batch_size: int,
        scale: float,
    ) -> None:
        self._batch_size, self._scale = batch_size, scale
        self._parameters = parameters
        names = {id(p): name for name, p in parameters.items()}
        self._found, self.missing = contributions_by_name(
            calls, lambda p: names.get(id(p)), batch_size
        )
        coupled = {
            id(p) for c in calls if uses_batch_statistics(c.module) for p in c.module.parameters()
        }
        self.coupled = tuple(name for name, p in parameters.items() if id(p) in coupled)

    def answer(
        self,
        stats: BackwardStats,
        requests: frozenset[st.Statistic],
        directions: Mapping[type[st.Statistic], Mapping[str, Tensor] | None],
        weights: Mapping[str, Tensor],
    ) -> None:
        """Add the answers to ``stats``, which holds ḡ already.

        Args:
            stats: Filled in place.
            requests: First-order requests.
            directions: Vectors of the dot products by request type and name; ``None`` if unknown.
            weights: θ(t) by name, for joint histograms.
        """
        stats.coupled, stats.missing = self.coupled, dict(self.missing)
        self._drop_unused(stats)
        asked = [r for r in requests if isinstance(r, FIRST_ORDER)]
        known = [r for r in asked if type(r) not in directions or directions[type(r)] is not None]
        for request in asked:
            if request in known:
                stats.by_parameter[request] = {}
            else:
                stats.errors[request] = Absent("no update of the parameters was seen")
        for name, grad in stats.grad.items():
            self._answer_for(name, grad, stats, known, directions, weights)

    def _drop_unused(self, stats: BackwardStats) -> None:
        """Forget parameters that no layer call used and that got no gradient in this pass."""
        for name in [n for n in stats.grad if n not in self._found and n not in self.missing]:
            if not stats.grad[name].any():
                del stats.grad[name]

    def _answer_for(self, name, grad, stats, known, directions, weights) -> None:
        contribution = self._found.get(name)
        if contribution is None:
            stats.missing.setdefault(name, "it is used outside a layer that Cockpit can see")
            return
        along = [r for r in known if isinstance(r, (st.DotUpdate, st.DotPreviousUpdate))]
        counters = _counters(known, weights[name])
        wanted = Wanted(
            vectors=[grad, *(directions[type(r)][name] for r in along)],
            sq_norms=True,
            sum_sq=any(isinstance(r, st.SumSq) for r in known),
            counters=list({id(c): c for c in counters.values()}.values()),
        )
        result = evaluate(contribution, grad.shape, self._scale, wanted)
        problem = _inconsistency(result, grad)
        if problem:
            stats.missing[name] = problem
            return
        for request in known:
            answers = stats.by_parameter[request]
            if isinstance(request, st.SqNorms):
                answers[name] = result.sq_norms
            elif isinstance(request, st.SumSq):
                answers[name] = result.sum_sq
            elif request in counters:
                answers[name] = _counts(request, counters[request])
            else:
                # The first dot product is the one with ḡ.
                place = 0 if isinstance(request, st.DotGrad) else 1 + along.index(request)
                answers[name] = result.dots[place]


def _inconsistency(result: ParameterStatistics, grad: Tensor) -> str:
    """Whether the individual gradients fail to average to ḡ along ḡ; empty if they agree."""
    mean_dot, sq_norm = result.dots[0].mean(), grad.square().sum()
    size = (result.sq_norms.mean() * sq_norm).sqrt()
    tolerance = TOLERANCE.get(grad.dtype, HALF_TOLERANCE)
    if not torch.isfinite(size) or (mean_dot - sq_norm).abs() <= tolerance * size:
        return ""
    share = float(mean_dot / sq_norm)
    return (
        f"the samples account for {share:.3g} of its gradient: it is also used outside this "
        "layer's own call, or the loss has a term that is no function of single samples"
    )


def _counters(
    requests: list[st.Statistic], weights: Tensor
) -> dict[st.Statistic, HistogramCounter]:
    """A counter for each histogram; a joint one serves the plain one over the same bins."""
    device = weights.device
    counters: dict[st.Statistic, HistogramCounter] = {}
    shared: dict[Bins, HistogramCounter] = {}
    for request in requests:
        if isinstance(request, st.JointHistogram):
            rows = bin_index(weights.flatten(), request.x)
            counters[request] = HistogramCounter(request.y, rows, request.x.count + 2, device)
            shared[request.y] = counters[request]
    for request in requests:
        if isinstance(request, st.GradientHistogram):
            counters[request] = shared.get(request.bins) or HistogramCounter(
                request.bins, None, 1, device
            )
    return counters


def _counts(request: st.Statistic, counter: HistogramCounter) -> Counts1d | Tensor:
    table = counter.table.cpu()
    if isinstance(request, st.JointHistogram):
        return table
    row = table.sum(0).numpy()
    return Counts1d(
        counts=row[1:-1],
        under=int(row[0]),
        over=int(row[-1]),
        zeros=int(counter.zeros),
        nonfinite=int(counter.nonfinite),
    )
