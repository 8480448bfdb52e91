"""Parts of a step add up to what one pass over all their samples would say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from cockpit import Absent
from cockpit.backward import statistics as st
from cockpit.backward.combine import Part, combine, mean_gradient, mean_loss
from cockpit.backward.stats import BackwardStats
from cockpit.log.record import Bins, Counts1d

SIZES = (3, 1, 4)
DIAGONAL = st.DiagCurvature("ggn")
HISTOGRAM = st.GradientHistogram(Bins(-1.0, 1.0, 2))


def gradients() -> dict[str, Tensor]:
    """Individual gradients of two parameters for all samples."""
    generator = torch.Generator().manual_seed(0)
    return {n: torch.randn(sum(SIZES), 5, generator=generator, dtype=torch.float64) for n in "ab"}


def counts(g: Tensor) -> Counts1d:
    row = np.histogram(g.numpy(), [-1, 0, 1])[0]
    return Counts1d(row, int((g < -1).sum()), int((g >= 1).sum()), int((g == 0).sum()))


def stats_of(g: dict[str, Tensor], mean: dict[str, Tensor]) -> BackwardStats:
    """Of some samples, with dot products with the mean over all."""
    return BackwardStats(
        grad={n: x.mean(0) for n, x in g.items()},
        by_parameter={
            st.SqNorms(): {n: x.square().sum(1) for n, x in g.items()},
            st.DotGrad(): {n: x @ mean[n] for n, x in g.items()},
            st.SumSq(): {n: x.square().sum(0) for n, x in g.items()},
            DIAGONAL: {n: x.square().mean(0) for n, x in g.items()},
            HISTOGRAM: {n: counts(x) for n, x in g.items()},
        },
    )


def in_parts() -> tuple[list[Part], BackwardStats]:
    """The parts, and the statistics of all samples."""
    g = gradients()
    mean = {n: x.mean(0) for n, x in g.items()}
    pieces = zip(*(x.split(SIZES) for x in g.values()), strict=True)
    parts = [dict(zip(g, piece, strict=True)) for piece in pieces]
    sizes = zip(SIZES, parts, strict=True)
    return [Part(n, stats_of(part, mean)) for n, part in sizes], stats_of(g, mean)


def test_parts_are_the_whole() -> None:
    parts, whole = in_parts()
    result = combine(parts)
    torch.testing.assert_close(result.grad, whole.grad)
    for request, answers in whole.by_parameter.items():
        for name, answer in answers.items():
            got = result.by_parameter[request][name]
            if isinstance(answer, Counts1d):
                assert got.counts.tolist() == answer.counts.tolist()
                assert (got.under, got.over, got.zeros) == (answer.under, answer.over, answer.zeros)
            else:
                torch.testing.assert_close(got, answer)


def test_one_part_is_the_whole() -> None:
    parts, _ = in_parts()
    assert combine(parts[:1]) is parts[0].stats


def test_a_gradient_that_is_not_there_is_zero() -> None:
    one, two = torch.ones(2), torch.full((2,), 5.0)
    mean = mean_gradient([(1, {"a": one}), (3, {"a": two, "b": one})])
    torch.testing.assert_close(mean, {"a": torch.full((2,), 4.0), "b": torch.full((2,), 0.75)})
    assert mean_loss([(1, 2.0), (3, 6.0)]) == 5.0


def test_what_one_part_does_not_know_is_not_known() -> None:
    parts, _ = in_parts()
    del parts[1].stats.by_parameter[st.SqNorms()]["a"]
    del parts[1].stats.by_parameter[DIAGONAL]["b"]
    parts[1].stats.missing["a"] = "a reason"
    parts[2].stats.errors[st.SumSq()] = Absent("another reason")
    result = combine(parts)
    with pytest.raises(Absent, match="a: a reason"):
        result.complete(st.SqNorms())
    with pytest.raises(Absent, match="a: a reason"):
        result.complete(st.DotGrad())
    with pytest.raises(Absent, match="another reason"):
        result.complete(st.SumSq())
    with pytest.raises(Absent, match="b: "):
        result.complete(DIAGONAL)


def test_an_eigenvalue_is_that_of_the_first_part() -> None:
    parts, _ = in_parts()
    request = st.MaxEigenvalue("lanczos", 10, 1e-3, 1e-6)
    parts[0].stats.network[request] = 7.0
    result = combine(parts)
    assert result.of_network(request) == 7.0
    assert result.notes[request] == {"parts": "1 of 3", "samples": 3}
