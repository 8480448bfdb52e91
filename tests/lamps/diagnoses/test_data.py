"""Lamps of the data at their edges."""

from __future__ import annotations

import math

import pytest

from cockpit.lamps import get
from tests.lamps.made import lit_at
from tests.lamps.runs import board, episode, level


def test_bad_inputs_that_spoil_the_gradient_alone_are_a_warning():
    facts = {"inputs.nonfinite": 1}
    assert level("nonfinite_input", facts) == "advisory"
    assert level("nonfinite_input", facts, gradient=math.nan) == "warning"
    assert level("nonfinite_input", facts, gradient=None) == "warning"


def test_bad_inputs_go_out_when_the_model_recovers():
    facts = {"inputs.nonfinite": lambda step: int(step == 2)}
    lost = {"loss": lambda step: math.nan if step == 2 else 2.0, "gradient": None}
    assert level("nonfinite_input", facts, count=4, **lost) == "warning"
    assert level("nonfinite_input", facts, count=5, **lost) is None


@pytest.mark.parametrize(
    ("size", "logged", "expected"),
    [
        (64, {}, "caution"),
        (100, {}, "caution"),
        *((size, {}, "caution") for size in (12, 24, 48, 75, 96, 384)),
        *((size, {}, "advisory") for size in (151, 178, 442, 455)),
        (500, {}, "advisory"),
        (60000, {}, "advisory"),
        (8192, {}, "advisory"),
        (64, {step: step for step in range(12)}, "advisory"),
        (64, {0: 0, 11: 1}, "warning"),
        (455, {0: 0, 11: 1}, "warning"),
        (64, {5: 0}, "caution"),
        (64, {0: 0.0, 2: 1.5, 11: 8.0}, "caution"),
    ],
)
def test_whether_a_batch_is_the_whole_data_set(size, logged, expected):
    facts = {"inputs.repeated": 1.0, "inputs.shape": [size, 20]}
    assert level("same_batch", facts, user={"epoch": logged}) == expected


def test_whoever_keeps_a_batch_means_to():
    facts = {"inputs.repeated": 1.0, "inputs.same_tensor": True}
    assert level("same_batch", facts) == "advisory"
    assert level("same_batch", facts | {"inputs.same_tensor": False}) == "caution"
    assert level("same_batch", facts, user={"epoch": {0: 0, 11: 1}}) == "warning"


def test_the_same_batch_is_all_of_it_three_times_in_a_row():
    assert level("same_batch", {"inputs.repeated": 0.99}) is None
    assert level("same_batch", {"inputs.repeated": lambda step: float(step % 3 > 0)}) is None
    assert level("same_batch", {"inputs.repeated": 1.0, "inputs.same_rows": 0.5}) is None
    mask = {"inputs.dtype": "int64", "inputs.min": 0, "inputs.max": 1}
    assert level("same_batch", {"inputs.repeated": 1.0} | mask) is None
    assert level("same_batch", {"inputs.repeated": 1.0} | mask | {"inputs.max": 7}) == "caution"
    lbfgs = {"optimizer": {"name": "LBFGS"}}
    assert level("same_batch", {"inputs.repeated": 1.0}, header=lbfgs) == "advisory"


CODES = {"inputs.shape": [8, 64], "inputs.dtype": "int64"}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"inputs.same_rows": 0.5}, "caution"),
        ({"inputs.same_rows": 0.49}, None),
        ({"inputs.shape": [64, 2]}, None),
        ({"inputs.shape": [64, 3]}, "caution"),
        ({"inputs.shape": [64]}, None),
        ({"inputs.shape": [64, 15], "inputs.dtype": "int64"}, None),
        ({"inputs.shape": [64, 24], "inputs.dtype": "int64"}, "caution"),
        ({"inputs.min": 0.0, "inputs.max": 1.0, "inputs.shape": [64, 31]}, None),
        ({"inputs.min": 0.0, "inputs.max": 1.0, "inputs.shape": [64, 784]}, "caution"),
        ({"inputs.min": 0.0, "inputs.max": 1.0, "inputs.shape": [64, 8, 50],
          "inputs.mean": 0.02}, None),
        ({"inputs.shape": [1, 20]}, None),
        (CODES | {"inputs.min": 1, "inputs.max": 1}, None),
        (CODES | {"inputs.min": 0, "inputs.max": 1}, None),
        (CODES | {"inputs.dtype": "bool", "inputs.min": None}, None),
        (CODES | {"inputs.min": 0, "inputs.max": 2}, "caution"),
    ],
)  # fmt: skip
def test_samples_that_are_equal_by_nature(facts, expected):
    assert level("duplicate_samples", {"inputs.same_rows": 1.0} | facts) == expected


@pytest.mark.parametrize(
    ("std", "low", "high", "expected"),
    [
        (1.0, -5.0, 5.0, None),
        (19.9, -90.0, 90.0, None),
        (20.0, -90.0, 90.0, "caution"),
        (79.0, 0.0, 255.0, "caution"),
        (0.353, 0.0, 1.0, None),
        (0.01, 0.0, 1.0, None),
        (0.002, -0.009, 0.0099, "caution"),
        (0.004, -0.011, 0.009, None),
        (0.0, 0.0, 0.0, None),
    ],
)
def test_scale_of_the_inputs(std, low, high, expected):
    facts = {"inputs.std": std, "inputs.min": low, "inputs.max": high, "model.first_input": std}
    assert level("unscaled_input", facts) == expected


PIXELS = {"inputs.std": 75.0, "inputs.min": 0.0, "inputs.max": 255.0}


@pytest.mark.parametrize(
    ("facts", "run", "expected"),
    [
        ({"model.first_input": 82.0}, {}, "caution"),
        ({"model.first_input": 0.32}, {}, "advisory"),
        ({"model.first_input": 0.32, "inputs.min": -9.0, "inputs.max": 2550.0}, {}, "advisory"),
        ({"model.first_input": 0.001}, {}, "caution"),
        ({}, {}, "advisory"),  # a compiled model: its first loss is that of guessing
        ({}, {"loss": 3.6}, "caution"),
        ({}, {"loss": math.nan}, "caution"),
        ({"inputs.max": 80.0}, {}, "caution"),
        ({"inputs.max": 2550.0}, {}, "caution"),
        ({"inputs.min": -9.0}, {}, "caution"),
        ({"loss.function": "TheirLoss"}, {}, "caution"),
        ({"model.zero_weights": ["2.weight"]}, {}, "caution"),
    ],
)
def test_pixels_that_the_model_divides_itself(facts, run, expected):
    assert level("unscaled_input", PIXELS | facts, **run) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"inputs.offset": 0.1}, "advisory"),
        ({"inputs.offset": 0.9}, "caution"),
    ],
)
def test_batch_norm_bears_the_scale_but_not_an_offset_with_it(facts, expected):
    given = PIXELS | {"model.modules_bn": 2, "model.first_input": 82.0} | facts
    assert level("unscaled_input", given) == expected


def test_running_means_lag_behind_what_all_samples_share():
    assert level("uncentred_input", {"inputs.offset": 9.0, "model.modules_bn": 2}) == "caution"


def test_offset_of_the_inputs_needs_eight_samples():
    assert level("uncentred_input", {"inputs.offset": 5.1}) == "caution"
    assert level("uncentred_input", {"inputs.offset": 4.9}) is None
    assert level("uncentred_input", {"inputs.offset": 50.0, "inputs.shape": [7, 20]}) is None
    once = {"inputs.offset": lambda step: 9.0 if step == 4 else 0.1}
    assert level("uncentred_input", once) is None


@pytest.mark.parametrize(
    ("ratio", "shape", "constant", "expected"),
    [
        (49.0, [64, 20], 0.0, None),
        (51.0, [64, 20], 0.0, "caution"),
        (1100.0, [64, 20], 0.1, None),
        (1300.0, [64, 20], 0.1, "caution"),
        (1100.0, [64, 100], 0.0, None),
        (2400.0, [512, 784], 0.004, None),
        (3500.0, [512, 784], 0.004, "caution"),
        (1e6, [7, 20], 0.0, None),
    ],
)
def test_rare_features_vary_little(ratio, shape, constant, expected):
    facts = {"inputs.scale_ratio": ratio, "inputs.shape": shape, "inputs.constant": constant}
    assert level("unequal_features", facts) == expected


@pytest.mark.parametrize(("spread", "expected"), [(14.0, None), (16.0, "caution")])
def test_wide_inputs_in_units_of_their_own(spread, expected):
    wide = {"inputs.scale_ratio": 300.0, "inputs.shape": [64, 100], "inputs.scale_spread": spread}
    assert level("unequal_features", wide) == expected


def test_constant_features_are_the_same_share_in_each_batch():
    assert level("constant_features", {"inputs.constant": 0.5}) == "caution"
    assert level("constant_features", {"inputs.constant": 0.49}) is None
    changing = {"inputs.constant": lambda step: 0.8 + 0.001 * (step % 2)}
    assert level("constant_features", changing) is None
    assert level("constant_features", {"inputs.constant": 0.9, "inputs.shape": [7, 20]}) is None


@pytest.mark.parametrize(
    ("duplicates", "constant", "expected"),
    [
        (0.3, 0.0, "caution"),
        (0.05, 0.0, "advisory"),
        (lambda step: 0.05 + 0.01 * (step % 2), 0.0, None),
        (lambda step: 0.35 + 0.01 * (step % 2), 0.0, "caution"),
        (0.05, 0.1, None),
        (0.2, 0.4, "caution"),
        (0.4, 0.5, None),
    ],
)
def test_copies_count_among_the_features_that_vary(duplicates, constant, expected):
    facts = {"inputs.duplicates": duplicates, "inputs.constant": constant}
    assert level("duplicated_features", facts) == expected


@pytest.mark.parametrize(
    ("size", "mean", "std", "low", "expected"),
    [
        (32, 0.03, 0.17, 0.0, None),  # one element of each feature
        (256, 0.03, 0.17, 0.0, "caution"),
        (32, -0.94, 0.34, -1.0, None),
        (32, 0.97, 0.17, 0.0, None),  # nearly all at the largest
        (16, 0.286, 0.353, 0.0, "caution"),
    ],
)
def test_sparse_features_are_equal_by_accident(size, mean, std, low, expected):
    facts = {"inputs.shape": [size, 512], "inputs.mean": mean, "inputs.std": std,
             "inputs.min": low, "inputs.max": 1.0}  # fmt: skip
    found = level("duplicated_features", facts | {"inputs.duplicates": 0.4, "inputs.constant": 0.2})
    assert found == expected


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([45, 19], None),
        ([57, 7], None),  # 89 %: entropy 0.50
        ([58, 6], "caution"),
        ([63, 1], "caution"),
        ([64, 0, 0, 0], "caution"),
        ([1, 0, 0, 63], "caution"),
        ([32, 0, 0, 32], None),
        ([55, *[1] * 9], "caution"),
        ([28, *[4] * 9], None),
    ],
)
def test_imbalance_is_entropy_of_the_classes_seen(counts, expected):
    assert level("class_imbalance", {"targets.counts": counts}) == expected


def test_a_few_labels_say_nothing_of_imbalance():
    rare = {"targets.counts": lambda step: [1] if step else [0, 1]}
    facts = rare | {"inputs.shape": [1, 20], "targets.shape": [1]}
    assert level("class_imbalance", facts, count=31) is None
    assert level("class_imbalance", facts, count=80) == "caution"
    assert (
        level("class_imbalance", {"targets.counts": [60, 4, 0], "loss.function": "MSELoss"}) is None
    )


@pytest.mark.parametrize("shape", [[8, 32], [256]])
def test_words_are_mostly_of_no_class(shape):
    facts = {"inputs.shape": [8, 32], "targets.shape": shape, "targets.counts": [250, 6]}
    assert level("class_imbalance", facts) == "advisory"


@pytest.mark.parametrize("shape", [[1, 16, 16], [256]])
def test_pixels_of_one_image_are_no_samples_of_their_own(shape):
    facts = {"inputs.shape": [1, 3, 16, 16], "targets.shape": shape}
    pure = {"targets.counts": lambda step: [250, 6] if step % 2 else [6, 250]}
    assert level("sorted_data", facts | pure) is None


def test_targets_of_a_contrastive_loss_are_a_caution_for_a_while():
    facts = {"targets.counts": [32]}
    contrast = {"loss": lambda step: 5.0 - 0.02 * step}
    real = {"loss": lambda step: 5.0 * 0.9**step}
    for lamp in ("sorted_data", "class_imbalance"):
        assert level(lamp, facts, count=30, **contrast) == "caution"
        assert level(lamp, facts, count=40, **contrast) is None
        assert level(lamp, facts, count=40, **real) == "caution"


def test_one_class_alone_hides_no_statistical_lamp_until_the_second_comes():
    lamps = [get("sorted_data"), lit_at(range(99), "trace", kind="statistical")]
    one = board({"targets.counts": [64]}, lamps=lamps)
    assert {e.lamp: e.cause for e in one.lit} == {"sorted_data": None, "trace": None}
    two = board({"targets.counts": lambda step: [64] if step < 9 else [0, 64]}, lamps=lamps)
    assert {e.lamp: e.cause for e in two.lit} == {"sorted_data": None, "trace": "sorted_data"}
    assert {e.level for e in two.lit} == {"warning"}


def test_one_class_alone_is_sorted_rather_than_all_there_is():
    found = episode("sorted_data", {"targets.counts": [32]}, count=12)
    assert found is not None
    assert (found.since, found.step) == (2, 3)  # 96 samples, twice
    both = board({"targets.counts": [32]}, lamps=[get("sorted_data"), get("class_imbalance")])
    assert {e.lamp: e.cause for e in both.lit} == {
        "sorted_data": None,
        "class_imbalance": "sorted_data",
    }


def test_one_class_alone_in_small_batches_is_known_within_five_steps():
    facts = {"targets.counts": [0, 8], "inputs.shape": [8, 20], "targets.shape": [8]}
    found = episode("class_imbalance", facts, count=5)
    assert found is not None
    assert (found.since, found.step, found.level) == (3, 4, "caution")  # 32 samples, twice


def test_sorted_data_is_known_when_the_second_class_comes():
    facts = {"targets.counts": lambda step: [12] if step < 6 else [0, 12]}
    found = episode("sorted_data", facts, count=12)
    assert found is not None
    assert (found.since, found.step, found.level) == (6, 7, "warning")
    assert found.reading.numbers["clustering"] == pytest.approx(1.0)


def test_sorted_data_after_single_samples_cannot_be_judged():
    facts = {"targets.counts": lambda step: [1] if step < 20 else [0, 1], "inputs.shape": [1, 20]}
    assert level("sorted_data", facts, count=40) is None


def test_data_that_is_sorted_by_half():
    mixed = {"targets.counts": lambda step: [48, 16] if step % 2 else [16, 48]}
    assert level("sorted_data", mixed) is None  # κ = 0.24


def test_large_batches_of_sorted_data_have_some_classes_each():
    twos = {"targets.counts": lambda step: [0, 0] * (step % 5) + [32, 32]}
    found = episode("sorted_data", twos, count=10)  # pairs within: 1/2, all pairs: 1/10
    assert found is not None
    assert found.reading.numbers["clustering"] == pytest.approx(0.4 / 0.9, abs=0.02)


def test_data_of_one_class_a_batch():
    pure = {"targets.counts": lambda step: [62, 2] if step % 2 else [2, 62]}
    assert level("sorted_data", pure) == "warning"
