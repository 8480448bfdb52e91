"""One step from its parts: what several backward passes say of the mean objective together.

A step may be differentiated in parts, micro-batch by micro-batch (gradient accumulation) or
process by process. All of it refers to the mean over the N = Σ Nₖ samples of all parts, so that
the parts together say what one backward pass over all samples would have said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cockpit.backward import statistics as st
from cockpit.backward.stats import BackwardStats
from cockpit.linalg import ByParameter

__all__ = ["Part", "combine", "mean_gradient", "mean_loss"]

BY_SAMPLE = (st.SqNorms, st.DotGrad, st.DotUpdate, st.DotPreviousUpdate)  # shape [N]
SUMS = (st.SumSq, st.GradientHistogram, st.JointHistogram)  # over the samples


@dataclass(frozen=True)
class Part:
    """What one backward pass says of its own samples.

    Attributes:
        batch_size: Nₖ.
        stats: Refers to the mean over these Nₖ samples. Dot products with ḡ are with the ḡ of all
            samples; first-order answers are there for all parameters of the whole step.
    """

    batch_size: int
    stats: BackwardStats


def mean_gradient(parts: Sequence[tuple[int, ByParameter]]) -> ByParameter:
    """ḡ = Σₖ (Nₖ/N) ḡₖ by parameter name.

    Args:
        parts: Nₖ and ḡₖ of each; a parameter that is not in ḡₖ had no gradient there.
    """
    if len(parts) == 1:
        return parts[0][1]  # with its norms
    return ByParameter(_weighted_mean([size for size, _ in parts], [grad for _, grad in parts]))


def mean_loss(parts: Sequence[tuple[int, float]]) -> float:
    """L_B = Σₖ (Nₖ/N) Lₖ from Nₖ and Lₖ of each part."""
    return sum(size * loss for size, loss in parts) / sum(size for size, _ in parts)


def combine(parts: Sequence[Part]) -> BackwardStats:
    """The statistics of all samples, in the order of the parts.

    Values by sample are joined, sums over samples added up, ḡ and diagonals averaged. An
    eigenvalue can't be combined: the first part's stands, with a note that says so.

    Args:
        parts: At least one.
    """
    if len(parts) == 1:
        return parts[0].stats
    every = [part.stats for part in parts]
    result = BackwardStats(
        grad=mean_gradient([(part.batch_size, part.stats.grad) for part in parts]),
        missing=_first_of([stats.missing for stats in every]),
        errors=_first_of([stats.errors for stats in every]),
        coupled=tuple(dict.fromkeys(name for stats in every for name in stats.coupled)),
        notes=_first_of([stats.notes for stats in every]),
    )
    for request in {r: None for stats in every for r in stats.by_parameter}:
        if request not in result.errors:
            result.by_parameter[request] = _combined(request, parts, result.missing)
    for request, answer in _first_of([stats.network for stats in every]).items():
        result.network[request] = answer
        note = {"parts": f"1 of {len(parts)}", "samples": parts[0].batch_size}
        result.notes[request] = {**result.notes.get(request, {}), **note}
    return result


def _combined(
    request: st.Statistic, parts: Sequence[Part], missing: Mapping[str, str]
) -> dict[str, Any]:
    answers = [part.stats.by_parameter[request] for part in parts]
    if isinstance(request, st.DiagCurvature):
        pairs = list(zip(parts, answers, strict=True))
        unknown = {name for part, a in pairs for name in part.stats.grad if name not in a}
        known = [{name: x for name, x in a.items() if name not in unknown} for a in answers]
        return _weighted_mean([part.batch_size for part in parts], known)
    names = [name for name in answers[0] if all(name in a for a in answers) and name not in missing]
    return {name: _joined(request, [a[name] for a in answers]) for name in names}


def _joined(request: st.Statistic, answers: list[Any]) -> Any:
    if isinstance(request, BY_SAMPLE):
        return torch.cat(answers)
    if isinstance(request, SUMS):
        return sum(answers[1:], answers[0])
    raise TypeError(f"{request} has no rule to be combined from parts")


def _weighted_mean(
    sizes: Sequence[int], parts: Sequence[Mapping[str, Tensor]]
) -> dict[str, Tensor]:
    """Σₖ (Nₖ/N) xₖ by name; what is not there counts as zero."""
    if len(parts) == 1:
        return dict(parts[0])
    total = sum(sizes)
    mean: dict[str, Tensor] = {}
    for size, part in zip(sizes, parts, strict=True):
        for name, x in part.items():
            share = x * (size / total)
            mean[name] = mean[name].add_(share) if name in mean else share
    return mean


def _first_of(mappings: Sequence[Mapping[Any, Any]]) -> dict[Any, Any]:
    """All entries; of several under one key the first."""
    return {key: value for mapping in reversed(mappings) for key, value in mapping.items()}
