"""What every lamp keeps to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import cockpit.lamps
from cockpit.lamps import LEVELS, Board, Course, StepView, all_lamps
from cockpit.lamps.lamp import STATISTICAL
from tests.lamps.runs import FACTS, FIRST, HEADER, board, view

LAMPS = all_lamps()
FOLDER = Path(cockpit.lamps.__file__).parent / "diagnoses"
EXACT = {
    "nonfinite_input", "nonfinite_loss", "nonfinite_gradient", "same_batch", "duplicate_samples",
    "unscaled_input", "uncentred_input", "unequal_features", "constant_features",
    "duplicated_features", "class_imbalance", "sorted_data", "zero_initialization",
    "symmetric_initialization", "first_loss_too_high", "large_initialization", "linear_chain",
    "softmax_before_loss", "clamped_output", "constant_output", "detached_parameters",
    "extreme_dropout", "evaluation_mode", "loss_scaled", "wrong_sign", "gradients_not_zeroed",
    "optimizer_without_parameters", "foreign_parameters", "frozen_layers", "clipped_to_nothing",
    "half_underflow", "momentum_too_high", "weight_decay_dominates", "wrong_output_size",
    "target_dtype",
}  # fmt: skip
TRACES = {
    "learning_rate_too_large", "diverged", "noise_floor", "learning_rate_too_small",
    "decayed_too_early", "vanishing_gradients", "exploding_gradients", "dead_units",
    "saturated_units", "wrong_labels", "noisy_labels", "batch_too_small", "batch_too_large",
    "overfitting", "converged", "oscillation", "edge_of_stability", "update_ratio", "no_warm_up",
    "loader_bound",
}  # fmt: skip
QUANTITIES = {
    "Loss", "Alpha", "NormTest", "InnerTest", "OrthoTest", "GradNorm", "UpdateSize", "Distance",
    "CABS", "EarlyStopping", "MeanGSNR", "HessMaxEV", "HessTrace", "TICDiag", "TICTrace", "Time",
    "valid_loss", "valid_accuracy",
}  # fmt: skip
ids = {"ids": lambda one: one.name}


def test_all_exact_lamps_are_there():
    assert {one.name for one in LAMPS if one.kind == "exact"} == EXACT
    assert {one.name for one in LAMPS} <= EXACT | TRACES


@pytest.mark.parametrize("one", LAMPS, **ids)
def test_texts_are_sentences(one):
    for text in (one.means, one.do):
        assert re.fullmatch(r"[A-Zα].{30,}[.?]", text), text
        assert not re.search(r"[.!?] [A-Z]", text.replace("et al. ", "").replace("e.g. ", "")), text
    assert len(one.source) > 5
    assert one.title[0].isupper()
    assert not one.title.endswith(".")
    assert len(one.title) <= 40
    assert len(one.text) > 100
    assert all(len(line) <= 100 for line in one.text.splitlines())


@pytest.mark.parametrize("one", LAMPS, **ids)
def test_settings_are_known_ones(one):
    assert one.level in LEVELS
    assert one.kind in ("exact", "statistical")
    assert one.group in ("data", "model", "loss", "optimizer", "steps")
    assert 1 <= one.sustain <= 8
    assert one.kind == "statistical" or one.sustain <= 3
    known = set(FACTS) | set(FIRST) | QUANTITIES
    assert {need for need in one.needs if not need.startswith("units.")} <= known


@pytest.mark.parametrize("one", LAMPS, **ids)
def test_inhibits_lamps_that_exist_and_not_itself(one):
    assert set(one.inhibits) <= EXACT | TRACES | {STATISTICAL}
    assert one.name not in one.inhibits
    assert len(set(one.inhibits)) == len(one.inhibits)


@pytest.mark.parametrize("one", LAMPS, **ids)
def test_the_file_has_its_name(one):
    source = FOLDER / f"{one.name}.py"
    assert one.read.__module__ == f"cockpit.lamps.diagnoses.{one.name}"
    assert f"def {one.name}(course: Course)" in source.read_text(encoding="utf-8")


def test_each_file_has_a_lamp():
    files = {path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_")}
    assert files == {one.name for one in LAMPS}


def failures(found):
    return [why for why in found.absent.values() if "failed" in why]


@pytest.mark.parametrize("without", [*FACTS, *FIRST, "Loss", "GradNorm"])
def test_no_lamp_fails_where_something_is_missing(without):
    given = {"loss": None} if without == "Loss" else {}
    given |= {"gradient": None} if without == "GradNorm" else {}
    assert failures(board({without: None}, lamps=LAMPS, count=20, **given)) == []


def test_no_lamp_fails_on_a_header_that_says_nothing():
    assert failures(board(lamps=LAMPS, count=20, header={"layers": [], "optimizer": {}})) == []
    damaged = {"layers": [{}, {"name": "a"}], "optimizer": None}
    assert failures(board(count=20, header=damaged)) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, -1.0])
def test_no_lamp_fails_on_odd_numbers(value):
    names = [name for name, fact in FACTS.items() if isinstance(fact, float)]
    for changed in ([name] for name in names):
        assert failures(board(dict.fromkeys(changed, value), lamps=LAMPS, count=6)) == [], changed
    odd = dict.fromkeys(names, value)
    assert failures(board(odd, count=20, lamps=LAMPS, loss=value, gradient=value)) == []


@pytest.mark.parametrize("one", LAMPS, **ids)
def test_a_lamp_is_a_pure_function_of_the_course(one):
    course = Course(HEADER)
    for step in range(20):
        course.take(view(step, {}))
        if all(course.seen(need) for need in one.needs):
            assert one(course) == one(course)


def test_a_run_without_anything_lights_nothing():
    found = Board({})
    for step in range(5):
        assert found.take(StepView(step)) == []
    assert found.lit == []
