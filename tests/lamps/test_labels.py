"""How many there are of each class, and how they lie together."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.lamps import Course, StepView
from cockpit.lamps.labels import Labels, several_each


def labels(*batches):
    course = Course({})
    for step, counts in enumerate(batches):
        course.take(StepView(step, facts={} if counts is None else {"targets.counts": counts}))
    return Labels.of(course)


def test_lists_of_different_length():
    found = labels([1, 2], None, [0, 0, 3], [4])
    assert found is not None
    assert found.counts.tolist() == [[1, 2, 0], [0, 0, 3], [4, 0, 0]]
    assert (found.seen, found.samples, found.totals.tolist()) == (3, 10, [5, 2, 3])
    assert found.pairs == 3 + 3 + 6


def test_no_counts():
    assert labels(None, [], None) is None


def test_the_first_steps_and_the_last_ones():
    found = labels(*([step] for step in range(300)))
    assert found is not None
    assert found.counts.ravel().tolist() == [*range(8), *range(268, 300)]


def test_a_further_step_is_counted():
    course = Course({})
    for step in range(3):
        course.take(StepView(step, facts={"targets.counts": [step + 1]}))
        found = Labels.of(course)
        assert found is not None
        assert found.samples == sum(range(1, step + 2))


@pytest.mark.parametrize(
    ("totals", "width"), [([10], 1.0), ([0, 5, 5], 2.0), ([4, 4, 4, 4], 4.0), ([0], 0.0)]
)
def test_width(totals, width):
    found = labels(totals)
    assert found is not None
    assert found.width == pytest.approx(width)


@pytest.mark.parametrize(
    ("totals", "evenness"),
    [([10], 0.0), ([0, 10, 0], 0.0), ([5, 5], 1.0), ([0, 5, 0, 5, 5], 1.0)],
)
def test_evenness_of_classes_seen(totals, evenness):
    found = labels(totals)
    assert found is not None
    assert found.evenness == pytest.approx(evenness)


def test_evenness_by_hand():
    found = labels([97, 1])  # with one more of each: 0.98 and 0.02
    assert found is not None
    expected = -(0.98 * math.log(0.98) + 0.02 * math.log(0.02)) / math.log(2)
    assert found.evenness == pytest.approx(expected)


@pytest.mark.parametrize(
    ("batches", "clustering"),
    [
        ([[8], [0, 8], [0, 0, 8]], 1.0),
        ([[4, 4], [4, 4]], (3 / 7 - 7 / 15) / (8 / 15)),
        ([[3, 1], [1, 3]], (1 / 2 - 3 / 7) / (4 / 7)),
    ],
)
def test_clustering_by_hand(batches, clustering):
    found = labels(*batches)
    assert found is not None
    assert found.clustering == pytest.approx(clustering)


@pytest.mark.parametrize("batches", [[[8], [8]], [[1], [0, 1], [1]]], ids=["one class", "single"])
def test_clustering_that_is_unknown(batches):
    found = labels(*batches)
    assert found is not None
    assert math.isnan(found.clustering)


@given(st.integers(0, 2**32 - 1), st.integers(2, 8), st.integers(2, 30))
def test_clustering_of_random_batches_is_zero_on_average(seed, classes, size):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(classes))
    found = [
        one.clustering
        for one in (labels(*rng.multinomial(size, shares, size=8).tolist()) for _ in range(60))
        if one is not None and one.seen > 1
    ]
    if len(found) > 30:
        mean, error = np.mean(found), np.std(found) / math.sqrt(len(found))
        assert abs(mean) < 5 * error + 0.05


@pytest.mark.parametrize(
    ("inputs", "targets", "expected"),
    [
        ([8, 20], [8], False),
        ([8, 20], [8, 1], False),
        ([8, 3, 4, 4], [8, 4, 4], True),
        ([1, 3, 4, 4], [1, 4, 4], True),
        ([8, 32], [256], True),
        ([8, 20], [4], False),
        ([8, 20], [12], False),
        ([8, 20], None, False),
    ],
)
def test_samples_with_several_labels(inputs, targets, expected):
    course = Course({})
    facts = {"inputs.shape": inputs, "targets.shape": targets}
    course.take(StepView(0, facts=facts))
    assert several_each(course) == expected
