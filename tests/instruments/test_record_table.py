"""The numbers of a step: every quantity's latest value, exactly as logged."""

from __future__ import annotations

import numpy as np
import pytest

from cockpit.instruments import get
from cockpit.instruments.record_table import COUNTED, digits, record_rows, select
from cockpit.log import RunLog
from cockpit.log.record import Facts
from tests.instruments.logs import write_log
from tests.synthetic import QUANTITIES, write_run


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    return RunLog(write_run(tmp_path_factory.mktemp("runs") / "full", steps=70, layers=4))


def values(log, step=None, instrument=None):
    rows = record_rows(log, step, get(instrument, log) if instrument else None)
    return {(row.quantity, row.layer, row.entry): (row.value, row.step) for row in rows}


def test_everything_is_there(full):
    found = values(full)
    assert {quantity for quantity, _, _ in found} >= set(QUANTITIES)
    assert found["Loss", "", ""] == (full.series("Loss").value[-1], 69)
    assert found["batch size", "", ""] == (128, 69)
    assert found["valid_loss", "", ""][1] == 60


def test_values_of_layers_carry_their_names(full):
    steps, norms = full.layer_series("GradNorm")
    found = values(full, 30)
    at = int(np.searchsorted(steps, 30))
    for index, layer in enumerate(full.layers):
        assert found["GradNorm", layer.name, ""] == (norms[at, index], 30)
    assert found["GradNorm", "network", ""][0] == full.series("GradNorm").value[at]


def test_a_rare_quantity_says_when_it_was_recorded(full):
    assert values(full, 37)["HessMaxEV", "", ""][1] == 30
    assert values(full, 37)["GradHist2d", "network", "elements"][1] == 30


def test_nothing_before_the_first_record(tmp_path):
    log = write_log(tmp_path, {"Loss": [1.0, 2.0]}, steps=[5, 6])
    assert values(log, 4) == {}
    assert values(log, 5)["Loss", "", ""] == (1.0, 5)


def test_histograms_add_up(full):
    _, histogram = full.histogram("GradHist1d", 20)
    found = {k: v for k, (v, _) in values(full, 20, "grad_hist1d").items()}
    total = found.pop(("GradHist1d", "network", "elements"))
    assert found["GradHist1d", "network", "exactly zero"] == histogram.network.zeros
    bins = [
        value
        for (_, layer, entry), value in found.items()
        if layer == "network" and entry not in ("exactly zero", "not finite")
    ]
    assert sum(bins) == total
    _, joint = full.histogram("GradHist2d", 20)
    cells = {k: v for k, (v, _) in values(full, 20, "grad_hist2d").items()}
    assert cells["GradHist2d", "0.weight", "elements"] == joint.layers[0].sum()
    assert sum(v for (_, where, entry), v in cells.items() if where == "0.weight") == (
        2 * joint.layers[0].sum()
    )


def test_an_instrument_has_what_it_shows(full):
    assert {name for name, _, _ in values(full, None, "loss")} == {"Loss", "valid_loss"}
    assert {name for name, _, _ in values(full, None, "learning_rate")} == {"learning rate"}
    assert {name for name, _, _ in values(full, None, "accuracy")} == {
        "train_accuracy", "valid_accuracy"
    }  # fmt: skip


def test_numbers_that_are_not_finite_keep_their_kind(tmp_path):
    log = write_log(tmp_path, {"Loss": [float("nan")], "GradNorm": [float("-inf")]})
    found = {row.quantity: row.cells()[3] for row in record_rows(log)}
    assert found["Loss"] == "NaN"
    assert found["GradNorm"] == "-Infinity"
    assert digits(float("inf")) == "Infinity"
    assert float(digits(0.123456789)) == 0.123456789


def test_facts_that_are_numbers_have_rows(tmp_path):
    facts = {"inputs.mean": 0.5, "model.training": True, "inputs.dtype": "float32", "a": [1, 2]}
    log = write_log(tmp_path, {"Loss": [1.0, 2.0], "Facts": [Facts(facts, {"parts": "1 of 2"})]})
    rows = [row for row in record_rows(log) if row.quantity == "Facts"]
    assert [(row.entry, row.value, row.step) for row in rows] == [
        ("inputs.mean", 0.5, 0), ("model.training", 1.0, 0)
    ]  # fmt: skip
    assert [bool(row.note) for row in rows] == [True, False]


def test_notes_are_told_once(full):
    rows = [row for row in record_rows(full) if row.quantity == "HessTrace"]
    assert "curvature" in rows[0].note
    assert not any(row.note for row in rows[1:])


def test_search_wants_all_words_and_counts_all_rows(full):
    rows, count = select(record_rows(full), "gradnorm WEIGHT", 1)
    assert count == 2
    assert rows[0].quantity == "GradNorm"
    assert select(record_rows(full), "nothing of that", 5) == ([], 0)
    everything = sum(1 for _ in record_rows(full))
    assert select(record_rows(full), "", 10)[1] == everything < COUNTED


def test_counting_ends(full):
    endless = (row for _ in range(COUNTED) for row in record_rows(full, 3, get("loss")))
    rows, count = select(endless, "", 10)
    assert (len(rows), count) == (10, COUNTED)
