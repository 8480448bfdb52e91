"""First-order statistics of all parameters, from the layer calls of one backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn

from cockpit.backward import statistics as st
from cockpit.backward.capture import LayerCall
from cockpit.backward.evaluate import ParameterStatistics, Wanted, evaluate, fold_rows, merge
from cockpit.backward.extensions import Contribution, Unsupported, contributions
from cockpit.backward.extensions.normalization import uses_batch_statistics
from cockpit.backward.histogram import HistogramCounter, bin_index
from cockpit.backward.nodes import NodeUse
from cockpit.backward.sample_axis import UNKNOWN, Layouts, layout_of
from cockpit.backward.stats import Absent, BackwardStats
from cockpit.log.record import Bins, Counts1d

__all__ = ["FIRST_ORDER", "IndividualGradients", "Questions", "contributions_by_name"]

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
    uses: Iterable[LayerCall | NodeUse],
    name_of: Callable[[nn.Parameter], str | None],
    batch_size: int,
    tested: Layouts = MappingProxyType({}),
) -> tuple[dict[str, Contribution], dict[str, str]]:
    """What each parameter gets from its uses, and the reasons of those that can't be known.

    Args:
        uses: With their output gradients.
        name_of: A parameter's name.
        batch_size: N.
        tested: Layouts that had to be tested.
    """
    parts: dict[str, list[Contribution]] = {}
    missing: dict[str, str] = {}
    for use in uses:
        names = {local: name_of(p) for local, p in use.parameters()}
        if not names:
            continue
        try:
            layout = layout_of(use, batch_size, tested)
            if layout is None:
                raise Unsupported(UNKNOWN)
            for local, contribution in contributions(use, layout, batch_size).items():
                if (name := names.get(local)) is not None:
                    parts.setdefault(name, []).append(fold_rows(contribution, batch_size))
        except Unsupported as reason:
            missing.update({name: str(reason) for name in names.values() if name is not None})
        except Exception as error:
            what = type(use.module).__name__ if isinstance(use, LayerCall) else "its operation"
            text = f"the rule for {what} failed: {type(error).__name__}: {error}"
            missing.update({name: text for name in names.values() if name is not None})
    merged = {name: merge(p) for name, p in parts.items() if name not in missing}
    return merged, missing


@dataclass(frozen=True)
class Questions:
    """The first-order requests of one step, with what they refer to.

    Attributes:
        requests: All requests of the step; others than first-order ones are passed over.
        update: s = θ(t+1) − θ(t) by name, if known.
        previous_update: s of the step before, if known.
        weights: θ(t) by name, for joint histograms.
    """

    requests: frozenset[st.Statistic]
    update: Mapping[str, Tensor] | None
    previous_update: Mapping[str, Tensor] | None
    weights: Mapping[str, Tensor]

    @property
    def unanswerable(self) -> list[st.Statistic]:
        """Dot products with an update that is not known."""
        return [
            r
            for r in self.requests
            if (isinstance(r, st.DotUpdate) and self.update is None)
            or (isinstance(r, st.DotPreviousUpdate) and self.previous_update is None)
        ]

    @property
    def answerable(self) -> list[st.Statistic]:
        """The others."""
        refused = self.unanswerable
        return [r for r in self.requests if isinstance(r, FIRST_ORDER) and r not in refused]

    def directions(self, name: str) -> dict[st.Statistic, Tensor]:
        """The vectors of the dot products with an update, for one parameter."""
        found: dict[st.Statistic, Tensor] = {}
        for request in self.answerable:
            if isinstance(request, st.DotUpdate) and self.update is not None:
                found[request] = self._along(self.update, name)
            if isinstance(request, st.DotPreviousUpdate) and self.previous_update is not None:
                found[request] = self._along(self.previous_update, name)
        return found

    def _along(self, update: Mapping[str, Tensor], name: str) -> Tensor:
        # A parameter that was frozen then did not move.
        return update[name] if name in update else torch.zeros_like(self.weights[name])


class IndividualGradients:
    """The individual gradients of one backward pass, held as layer inputs and output gradients.

    Args:
        calls: Layer calls, and other uses of parameters, with their output gradients.
        parameters: Trainable parameters by name.
        batch_size: N.
        scale: N for a mean-reduced loss, 1 for a summed one: it undoes the loss's 1/N, here and
            nowhere else.
        tested: Where the samples are in outputs of which that had to be tested.
    """

    def __init__(
        self,
        calls: list[LayerCall | NodeUse],
        parameters: Mapping[str, nn.Parameter],
        batch_size: int,
        scale: float,
        tested: Layouts,
    ) -> None:
        self._batch_size, self._scale = batch_size, scale
        self._parameters = parameters
        names = {id(p): name for name, p in parameters.items()}
        self._calls = calls
        self._found, self.missing = contributions_by_name(
            calls, lambda p: names.get(id(p)), batch_size, tested
        )
        coupled = {
            id(p)
            for call in calls
            if isinstance(call, LayerCall) and uses_batch_statistics(call.module)
            for p in call.module.parameters()
        }
        self.coupled = tuple(name for name, p in parameters.items() if id(p) in coupled)

    def answer(self, stats: BackwardStats, questions: Questions) -> None:
        """Add the answers to ``stats``, which holds ḡ already."""
        stats.coupled, stats.missing = self.coupled, {**self.missing, **self._overwritten()}
        self._drop_unused(stats)
        for request in questions.unanswerable:
            stats.errors[request] = Absent("no update of the parameters was seen")
        if not questions.answerable:
            return
        for request in questions.answerable:
            stats.by_parameter[request] = {}
        for name, grad in stats.grad.items():
            self._answer_for(name, grad, stats, questions)
        for call in self._calls:
            call.release()

    def _overwritten(self) -> dict[str, str]:
        """Parameters of layers whose input has been changed since the backward pass."""
        names = {id(p): name for name, p in self._parameters.items()}
        return {
            names[id(p)]: "its input was overwritten in place before it could be used"
            for call in self._calls
            if not call.is_intact()
            for _, p in call.parameters()
            if id(p) in names
        }

    def _drop_unused(self, stats: BackwardStats) -> None:
        """Forget parameters that no layer call used and that got no gradient in this pass."""
        for name in [n for n in stats.grad if n not in self._found and n not in self.missing]:
            if not stats.grad[name].any():
                del stats.grad[name]

    def _answer_for(
        self, name: str, grad: Tensor, stats: BackwardStats, questions: Questions
    ) -> None:
        contribution = self._found.get(name)
        if contribution is None or name in stats.missing:
            stats.missing.setdefault(name, "it is used outside a layer that Cockpit can see")
            return
        requests = questions.answerable
        directions = questions.directions(name)
        counters = _counters(requests, questions.weights[name])
        wanted = Wanted(
            vectors=[grad, *directions.values()],
            sum_sq=any(isinstance(r, st.SumSq) for r in requests),
            counters=list({id(c): c for c in counters.values()}.values()),
        )
        result = evaluate(contribution, grad.shape, self._scale, wanted)
        problem = _inconsistency(result, grad)
        if problem:
            stats.missing[name] = problem
            return
        # The first dot product is the one with ḡ.
        dots = dict(zip([st.DotGrad(), *directions], result.dots, strict=True))
        for request in requests:
            answers = stats.by_parameter[request]
            if isinstance(request, st.SqNorms):
                answers[name] = result.sq_norms
            elif isinstance(request, st.SumSq):
                answers[name] = result.sum_sq
            elif request in counters:
                answers[name] = _counts(request, counters[request])
            else:
                answers[name] = dots[request]


def _inconsistency(result: ParameterStatistics, grad: Tensor) -> str:
    """Whether the individual gradients fail to average to ḡ along ḡ; empty if they agree."""
    # In double precision: gradients may vanish, and that is worth seeing.
    mean_dot, sq_norm = result.dots[0].double().mean(), grad.double().square().sum()
    size = result.sq_norms.double().mean().sqrt() * sq_norm.sqrt()
    tolerance = TOLERANCE.get(grad.dtype, HALF_TOLERANCE)
    if not torch.isfinite(size) or (mean_dot - sq_norm).abs() <= tolerance * size:
        return ""
    return (
        "the samples do not account for its gradient: it is also used outside this layer's own "
        "call, or the loss has a term that is no function of single samples"
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
