"""First-order statistics of all parameters, from the layer calls of one backward pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn

from cockpit.backward import statistics as st
from cockpit.backward.evaluate import (
    Products,
    Wanted,
    evaluate,
    fold_rows,
    merge,
)
from cockpit.backward.extensions import Chunked, Contribution, Unsupported, contributions
from cockpit.backward.extensions.normalization import uses_batch_statistics
from cockpit.backward.histogram import HistogramCounter, bin_index
from cockpit.backward.layer_call import LayerCall
from cockpit.backward.nodes import NodeUse
from cockpit.backward.questions import Questions
from cockpit.backward.sample_axis import UNKNOWN, Layouts, layout_of
from cockpit.backward.stats import Absent, BackwardStats
from cockpit.linalg import widened
from cockpit.log.record import Bins, Counts1d

__all__ = ["IndividualGradients", "contributions_by_name"]

TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-3}  # of Σgₙ against N·ḡ; else half precision
HALF_TOLERANCE = 3e-2
UNACCOUNTED = (
    "the samples do not account for its gradient: it is also used outside this layer's own "
    "call, a hook of yours changes a gradient or an output, or the loss has a term that is no "
    "function of single samples"
)


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
        self._tolerances = {name: _tolerance([p]) for name, p in parameters.items()}
        for call in calls:  # under autocast, layers compute in lower precision than their weights
            tolerance = _tolerance([*call.tensors(), *call.grads.values()])
            for name in {names[id(p)] for _, p in call.parameters() if id(p) in names}:
                self._tolerances[name] = max(tolerance, self._tolerances[name])

    def answer(self, stats: BackwardStats, questions: Questions) -> None:
        """Add the answers to ``stats``, which holds the ḡ of these samples already."""
        stats.coupled, stats.missing = self.coupled, {**self.missing, **self._overwritten()}
        for request in questions.unanswerable:
            stats.errors[request] = Absent("no update of the parameters was seen")
        if not questions.answerable:
            return
        for request in questions.answerable:
            stats.by_parameter[request] = {}
        results = {
            name: self._evaluate(name, stats, questions)
            for name in questions.grad
            if self._is_known(name, stats)
        }
        _add_answers(stats, results, questions, self._tolerances)

    def release(self) -> None:
        """Let go of the layers' inputs."""
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

    def drop_unused(self, stats: BackwardStats) -> None:
        """Forget parameters that no layer call used and that got no gradient in this pass."""
        for name in [n for n in stats.grad if n not in self._found and n not in self.missing]:
            if not stats.grad[name].any():
                del stats.grad[name]

    def _is_known(self, name: str, stats: BackwardStats) -> bool:
        if name in stats.grad and name not in self._found:
            stats.missing.setdefault(name, "it is used outside a layer that Cockpit can see")
        return name not in stats.missing

    def _evaluate(self, name: str, stats: BackwardStats, questions: Questions) -> _Result:
        requests, grad = questions.answerable, questions.grad[name]
        own = stats.grad.get(name)
        # Without a gradient of its own, it was used in another part of the step only.
        contribution = _zeros(grad, self._batch_size) if own is None else self._found[name]
        directions = questions.directions(name)
        factor = questions.update_over_grad(name)
        if factor is not None:
            del directions[st.DotUpdate()]
        counters = _counters(requests, widened(questions.info.parameters[name]))
        wanted = Wanted(
            vectors=[grad, *directions.values()],
            first_is_mean=own is grad,
            sum_sq=any(isinstance(r, st.SumSq) for r in requests),
            counters=list({id(c): c for c in counters.values()}.values()),
        )
        found = evaluate(contribution, grad.shape, self._scale, wanted)
        grad_dots, *others = found.dots
        rows = {st.SqNorms(): found.sq_norms, st.DotGrad(): grad_dots}
        rows |= dict(zip(directions, others, strict=True))
        if factor is not None:
            rows[st.DotUpdate()] = factor * grad_dots
        update = None if factor is None or found.mean is None else found.mean.times(factor)
        return _Result(rows, found.sum_sq, counters, update)


def _tolerance(tensors: Iterable[Tensor]) -> float:
    """Of a sum computed from these, relative to the size of its terms."""
    return max(
        (
            TOLERANCE.get(x.dtype.to_real(), HALF_TOLERANCE)
            for x in tensors
            if x.is_floating_point() or x.is_complex()
        ),
        default=0.0,
    )


def _zeros(like: Tensor, rows: int) -> Contribution:
    return Chunked(lambda start, stop: like.new_zeros(stop - start, *like.shape), rows)


@dataclass
class _Result:
    """What was found out about one parameter.

    Attributes:
        rows: Squared norms and dot products, each of shape [N].
        sum_sq: Σ gₙ², if wanted.
        counters: The counter of each histogram.
        update: s in product form, if it has one that is cheaper.
    """

    rows: dict[st.Statistic, Tensor]
    sum_sq: Tensor | None
    counters: dict[st.Statistic, HistogramCounter]
    update: Products | None


def _add_answers(
    stats: BackwardStats,
    results: Mapping[str, _Result],
    questions: Questions,
    tolerances: Mapping[str, float],
) -> None:
    """Bring the results to the host at once, and keep those that account for ḡ."""
    if not results:
        return
    first = next(iter(results.values())).rows
    tables = [torch.stack([result.rows[kind] for kind in first]) for result in results.values()]
    device = tables[0].device
    stacked = torch.stack([t.to(device, torch.float64) for t in tables]).cpu()
    table = dict(zip(results, stacked, strict=True))  # [kinds, N] of each parameter
    places = {kind: i for i, kind in enumerate(first)}
    doubtful = _unaccounted(
        {name: tolerances[name] for name in results},
        stacked[:, places[st.SqNorms()]],
        stacked[:, places[st.DotGrad()]],
        stats,
        questions.grad,
    )
    stats.missing.update(dict.fromkeys(doubtful, UNACCOUNTED))
    for name, result in results.items():
        if name in doubtful:
            continue
        if result.update is not None:
            stats.update_products[name] = result.update
        for request in questions.answerable:
            answers = stats.by_parameter[request]
            if isinstance(request, st.SumSq):
                answers[name] = result.sum_sq
            elif request in result.counters:
                answers[name] = _counts(request, result.counters[request])
            else:
                answers[name] = table[name][places[request]]


def _unaccounted(
    tolerances: Mapping[str, float],
    sq_norms: Tensor,
    dots: Tensor,
    stats: BackwardStats,
    grads: Mapping[str, Tensor],
) -> set[str]:
    """Parameters whose individual gradients don't average to the ḡ of these samples.

    Compared along the ḡ of the whole step, in double precision: gradients may vanish, and that is
    worth seeing.

    Args:
        tolerances: Of P parameters, by name.
        sq_norms: ‖gₙ‖², shape [P, N].
        dots: gₙᵀḡ with the ḡ of the whole step, shape [P, N].
        stats: Holds the ḡ of these samples.
        grads: ḡ of the whole step.
    """
    squares = dict(zip(stats.grad, stats.sq_grad_norms.tolist(), strict=True))
    doubtful = set()
    sizes, means = sq_norms.mean(1).sqrt().tolist(), dots.mean(1).tolist()
    largest = max((size for size in sizes if math.isfinite(size)), default=0.0)
    for (name, tolerance), size, mean in zip(tolerances.items(), sizes, means, strict=True):
        own, grad = stats.grad.get(name), grads[name]
        if own is None:
            continue
        expected, length = squares[name], math.sqrt(squares[name])
        if own is not grad:
            expected = float((own.double() * grad.double()).sum())
            length = float(grad.double().norm())
        # The gradient of attention's key bias, for one, is zero but for rounding.
        zero = 10 * tolerance**2 * largest
        if size <= zero and length <= zero:
            continue
        if math.isfinite(size * length) and abs(mean - expected) > tolerance * size * length:
            doubtful.add(name)
    return doubtful


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
