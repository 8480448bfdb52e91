from __future__ import annotations

import numpy as np
import pytest

from cockpit.instruments import (
    GROUPS,
    Help,
    UnknownInstrumentError,
    View,
    all_instruments,
    get,
    instrument,
    instruments_for,
    panels,
    registry,
)
from cockpit.instruments.panel import Bars, Heatmap, Line, Panel, Text
from cockpit.log.record import Arrays, Bins, Counts1d, Facts, Histogram1d, Histogram2d, Scalar
from tests.instruments.logs import per_layer, write_log

HELP = Help("what", "good", "bad", "do", "source")


@pytest.fixture
def own_instrument():
    """Registers instruments and takes them back."""
    before = dict(registry._instruments)
    yield instrument
    registry._instruments.clear()
    registry._instruments.update(before)


def test_order_of_the_page():
    assert [one.name for one in all_instruments()] == [
        "alpha", "distance",
        "gradient_tests", "grad_norm", "grad_hist1d", "grad_hist2d", "mean_gsnr", "cabs", "layers",
        "layer_histograms",
        "hess_max_ev", "hess_trace", "tic",
        "loss", "accuracy", "learning_rate", "early_stopping", "time",
    ]  # fmt: skip


@pytest.mark.parametrize("one", all_instruments(), ids=lambda one: one.name)
def test_every_instrument_explains_itself(one):
    assert one.title
    assert one.group in GROUPS
    for text in (one.help.shows, one.help.good, one.help.bad, one.help.do):
        assert len(text) > 20
        assert text.rstrip("”)").endswith(".")
    assert "hesis" in one.help.source


def test_every_tracked_quantity_is_shown():
    shown = {name for one in all_instruments() for name in one.needs}
    assert shown >= {
        "Loss", "Distance", "UpdateSize", "GradNorm", "Time", "Alpha", "NormTest", "InnerTest",
        "OrthoTest", "GradHist1d", "CABS", "EarlyStopping", "MeanGSNR", "HessTrace", "TICDiag",
        "TICTrace", "HessMaxEV", "GradHist2d",
    }  # fmt: skip


def test_unknown_instrument_lists_the_known_ones():
    with pytest.raises(UnknownInstrumentError, match=r"'alfa'.*alpha, distance.*time"):
        get("alfa")


def test_own_instrument_is_shown_without_more(own_instrument, tmp_path):
    @own_instrument(name="mine", title="Mine", group="curvature", needs=("Loss",), help=HELP)
    def mine(log, view):
        return Panel(current=str(len(log.series("Loss").step)))

    log = write_log(tmp_path, {"Loss": [1.0, 2.0]})
    found = {one.name: panel for one, panel in panels(log)}
    assert (found["mine"].title, found["mine"].group) == ("Mine", "curvature")
    assert found["mine"].current == "2"
    assert get("mine") is mine


def test_names_are_taken_once_and_groups_exist(own_instrument):
    with pytest.raises(ValueError, match="'alpha' exists already"):
        own_instrument(name="alpha", title="A", group="curvature", needs=(), help=HELP)
    with pytest.raises(ValueError, match="got 'nowhere'"):
        own_instrument(name="new", title="A", group="nowhere", needs=(), help=HELP)


def test_an_instrument_that_fails_hides_no_other(own_instrument, tmp_path):
    @own_instrument(name="broken", title="Broken", group="step size", needs=(), help=HELP)
    def broken(log, view):
        raise KeyError("odd data")

    found = {one.name: panel for one, panel in panels(write_log(tmp_path, {"Loss": [1.0]}))}
    assert set(found) == {"broken", "loss"}
    (text,) = found["broken"].marks
    assert isinstance(text, Text)
    assert "KeyError: 'odd data'" in text.text
    assert text.role == "caution"


def test_named_panels_in_the_order_asked_for(tmp_path):
    log = write_log(tmp_path, {"Loss": [1.0], "Alpha": [0.5]})
    assert [one.name for one, _ in panels(log, names=("loss", "alpha"))] == ["loss", "alpha"]
    with pytest.raises(UnknownInstrumentError, match="'nope'"):
        panels(log, names=("nope",))


@pytest.mark.parametrize(
    "wrong", [{"smoothing": 1.0}, {"smoothing": -0.1}, {"x": "hour"}, {"max_points": 3}]
)
def test_a_view_refuses_what_makes_no_sense(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        View(**wrong)


def custom(log):
    return {one.name: one(log, View()) for one in instruments_for(log) if ":" in one.name}


def test_own_quantities_appear_without_more_code(tmp_path):
    log = write_log(
        tmp_path,
        {
            "Cosine": [Scalar(0.5, {"window": 3}), Scalar(0.7, {"window": 3})],
            "Sparsity": [per_layer(0.1, 0.1, None, 0.2)],
            "Loss": [1.0],
        },
    )
    found = custom(log)
    assert list(found) == ["custom:Cosine", "custom:Sparsity"]
    panel = found["custom:Cosine"]
    assert (panel.title, panel.group, panel.note) == ("Cosine", "performance", "window: 3")
    (line,) = [m for m in panel.marks if isinstance(m, Line)]
    np.testing.assert_array_equal(line.y, [0.5, 0.7])
    layer = get("custom:Sparsity", log)(log, View(layers=("2.weight",)))
    assert [m.label for m in layer.marks if isinstance(m, Line)] == ["2.weight"]
    assert get("layers")(log, View()).title == "Layers: Sparsity"


def test_own_histograms_appear_as_histograms(tmp_path):
    one = Histogram1d(Bins(0, 1, 2), Counts1d(np.array([3, 4]), 0, 0, 0), ())
    two = Histogram2d(Bins(0, 1, 1), Bins(0, 1, 1), np.ones((3, 3), dtype=np.int64), ())
    big = Arrays((np.ones(2, dtype=np.float32), None, None))
    found = custom(write_log(tmp_path, {"One": [one], "Two": [two], "Parameters": [big]}))
    assert list(found) == ["custom:One", "custom:Two"]
    assert isinstance(found["custom:One"].marks[0], Bars)
    assert isinstance(found["custom:Two"].marks[0], Heatmap)


def test_own_arrays_are_not_drawn(tmp_path):
    log = write_log(tmp_path, {"Mine": [Arrays((np.ones(2, dtype=np.float32), None, None))]})
    assert not any(custom(log).values())


def test_facts_are_not_drawn(tmp_path):
    facts = Facts({"inputs.mean": 0.5})
    log = write_log(tmp_path, {"Facts": [facts], "Own": [facts], "Loss": [1.0]})
    assert not any(custom(log).values())
    assert {one.name for one, _ in panels(log)} == {"loss"}


def test_logged_scalars_that_no_other_instrument_shows(tmp_path):
    user = {"temperature": {0: 20.5}, "epoch": {0: 0}, "valid_loss": {0: 2.0}, "acc": {0: 0.5}}
    found = custom(write_log(tmp_path, {"Loss": [1.0]}, user=user))
    assert list(found) == ["custom:temperature"]
    assert found["custom:temperature"].current == "20.5"
    assert found["custom:temperature"].title == "temperature"
