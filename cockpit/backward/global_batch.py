"""From the statistics of each rank's samples to those of the global batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cockpit.backward import statistics as st
from cockpit.backward.combine import BY_SAMPLE, SUMS
from cockpit.backward.extensions import Unsupported
from cockpit.backward.stats import Absent, BackwardStats
from cockpit.distributed import Ranks, Share
from cockpit.linalg import ByParameter, widened
from cockpit.log.record import Counts1d

__all__ = ["mean_over_ranks", "of_all_ranks", "without_gaps"]

Key = tuple[st.Statistic, str]


def mean_over_ranks(
    parts: Mapping[str, Tensor], parameters: Mapping[str, Tensor], ranks: Ranks, share: Share
) -> Mapping[str, Tensor]:
    """Σᵣ (Nᵣ/N) xᵣ by name; what a rank does not have counts as zero.

    Args:
        parts: xᵣ of this rank, in the shapes of the parameters.
        parameters: All of them, the same on all ranks.
        ranks: All of them call this together.
        share: What they have of the global batch.

    Returns:
        The means for parameters that at least one rank has something for.
    """
    if ranks.size == 1:
        return parts
    weighted = [_part(parts.get(name), p, share.weight) for name, p in parameters.items()]
    here = torch.tensor([int(name in parts) for name in parameters])
    *sums, anywhere = ranks.total([*weighted, here])
    found = zip(parameters, sums, anywhere.tolist(), strict=True)
    return {name: total for name, total, count in found if count}


def _part(part: Tensor | None, p: Tensor, weight: float) -> Tensor:
    """What a rank contributes for a parameter, in a kind of number that all ranks know."""
    like = widened(p.detach())
    return torch.zeros_like(like) if part is None else part.to(like.dtype) * weight


def of_all_ranks(
    own: BackwardStats,
    grad: Mapping[str, Tensor],
    parameters: Mapping[str, Tensor],
    ranks: Ranks,
    share: Share,
) -> BackwardStats:
    """The statistics of all samples from those of each rank's.

    Numbers of each sample are put one after the other in the order of the ranks, sums over the
    samples are added up, diagonals averaged. What one rank has no answer for has none.

    Args:
        own: Of this rank. Its dot products with ḡ are with that of the global batch.
        grad: ḡ of the global batch by name.
        parameters: All of them by name.
        ranks: All of them call this together.
        share: What they have of the global batch.
    """
    if ranks.size == 1:
        return own
    errors = {repr(request): _in_words(error) for request, error in own.errors.items()}
    samples = {repr(r): note["samples"] for r, note in own.notes.items() if "samples" in note}
    words = ranks.tell(
        f"{share.place}/answers", missing=own.missing, errors=errors, samples=samples
    )
    notes = own.notes | {
        request: {**note, "samples": sum(word["samples"][repr(request)] for word in words)}
        for request, note in own.notes.items()
        if "samples" in note
    }
    # An update in product form is made of the samples of this rank only.
    everywhere = replace(own, grad=ByParameter.of(grad), update_products={}, notes=notes)
    stats = without_gaps(everywhere, words)
    requests = sorted(stats.by_parameter, key=repr)  # sets have another order in each process
    known = [name for name in grad if name not in stats.missing]
    keys = [(r, name) for r in requests if isinstance(r, BY_SAMPLE + SUMS) for name in known]
    numbers = [_tensor(stats.by_parameter[r][name]) for r, name in keys]
    pairs: list[tuple[Key, Tensor]] = list(zip(keys, numbers, strict=True))
    rows = {key: x for key, x in pairs if isinstance(key[0], BY_SAMPLE)}
    sums = {key: x for key, x in pairs if isinstance(key[0], SUMS)}
    _put(stats, rows, ranks.gather(list(rows.values()), share.sizes))
    _put(stats, sums, ranks.total(list(sums.values())))
    for request in requests:
        if isinstance(request, st.DiagCurvature):
            diagonal = stats.by_parameter[request]
            mean = mean_over_ranks(diagonal, parameters, ranks, share)
            stats.by_parameter[request] = dict(mean)
    return stats


def without_gaps(own: BackwardStats, words: Sequence[Mapping[str, Any]]) -> BackwardStats:
    """Without what is missing on one of the ranks.

    Args:
        own: Of this rank.
        words: Of each rank ``missing``, reasons by parameter name, and ``errors``, by request.
    """
    missing, errors = dict(own.missing), dict(own.errors)
    for rank, word in enumerate(words):
        for name, reason in word["missing"].items():
            missing.setdefault(name, f"on rank {rank}: {reason}")
        for request in [*own.by_parameter, *own.network]:
            if repr(request) in word["errors"]:
                kind, text = word["errors"][repr(request)]
                error = (Absent if kind == "absent" else RuntimeError)(f"on rank {rank}: {text}")
                errors.setdefault(request, error)
    return replace(
        own,
        by_parameter={
            request: {
                name: answer
                for name, answer in answers.items()
                if isinstance(request, st.DiagCurvature) or name not in missing
            }
            for request, answers in own.by_parameter.items()
            if request not in errors
        },
        network={request: x for request, x in own.network.items() if request not in errors},
        missing=missing,
        errors=errors,
    )


def _in_words(error: Exception) -> tuple[str, str]:
    if isinstance(error, (Absent, Unsupported)):
        return "absent", str(error)
    return "fault", f"{type(error).__name__}: {error}"


def _put(stats: BackwardStats, keys: Mapping[Key, Tensor], found: Sequence[Tensor]) -> None:
    for (request, name), x in zip(keys, found, strict=True):
        answers = stats.by_parameter[request]
        answers[name] = _like(answers[name], x)


def _tensor(answer: Tensor | Counts1d) -> Tensor:
    if isinstance(answer, Tensor):
        return answer
    beside = [answer.under, answer.over, answer.zeros, answer.nonfinite]
    return torch.from_numpy(np.concatenate([answer.counts, beside]).astype(np.int64))


def _like(answer: Tensor | Counts1d, found: Tensor) -> Tensor | Counts1d:
    if isinstance(answer, Tensor):
        return found
    numbers = found.numpy()
    return Counts1d(numbers[:-4], *(int(n) for n in numbers[-4:]))
