from __future__ import annotations

import math

import pytest

from cockpit.instruments.numbers import (
    format_count,
    format_duration,
    format_number,
    format_share,
    shorten,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (1.0, "1"), (0.01234, "0.0123"), (12.0, "12"), (1234.5, "1,230"),
        (0.9996, "1"), (-0.5, "−0.5"), (1e-5, "1e−5"), (-2.34e-8, "−2.34e−8"), (1.5e6, "1.5e6"),
        (999_999.0, "1e6"), (0.001, "0.001"), (math.nan, "NaN"), (math.inf, "Inf"),
        (-math.inf, "−Inf"), (100.0, "100"), (120.0, "120"),
    ],
)  # fmt: skip
def test_numbers(value, text):
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (12_345, "12,345"), (3_370_000, "3.37 M"), (2e9, "2 G")]
)
def test_counts(count, text):
    assert format_count(count) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 10, "0 %"), (1, 8, "12 %"), (1, 100_000, "< 0.1 %"), (99_999, 100_000, "> 99.9 %"),
        (5, 5, "100 %"), (48, 1000, "4.8 %"), (1, 0, "− %"), (996, 1000, "99.6 %"),
    ],
)  # fmt: skip
def test_shares_never_round_something_to_nothing(part, whole, text):
    assert format_share(part, whole) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"), (42, "42 s"), (200, "3 min 20 s"), (7500, "2 h 05 min"),
        (86400 * 3 + 4 * 3600, "3 d 4 h"),
    ],
)  # fmt: skip
def test_durations(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("0.weight", "0.weight"),
        ("layer1.0.conv1.weight", "lay1.0.con1.weight"),
        ("encoder.layers.11.self_attention.out.weight", "…11.sel.out.weight"),
        ("a" * 40, "…" + "a" * 17),
    ],
)
def test_long_names_keep_numbers_and_their_end(name, short):
    assert shorten(name) == short
    assert len(shorten(name)) <= 18
