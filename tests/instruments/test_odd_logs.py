"""No log, however odd, breaks an instrument."""

from __future__ import annotations

import numpy as np
import pytest

from cockpit.instruments import View, all_instruments, instruments_for
from cockpit.instruments.panel import Panel, Points
from cockpit.instruments.run_summary import run_facts
from cockpit.log import RunLog
from tests.instruments.logs import per_layer, write_log
from tests.synthetic import write_run

NAN, INF = float("nan"), float("inf")
VIEWS = {
    "plain": View(),
    "before the start": View(step=-5),
    "first": View(step=0),
    "epochs": View(x="epoch"),
    "time": View(x="time"),
    "smooth": View(smoothing=0.9),
    "raw": View(smoothing=0.0, max_points=20),
    "window": View(window=(3, 9)),
    "log": View(x_scale="log"),
    "log time": View(x="time", x_scale="log", max_points=20),
    "log window": View(x_scale="log", window=(-5, 9)),
    "far window": View(window=(1e6, 2e6)),
    "one layer": View(layers=("0.weight",)),
    "no such layer": View(layers=("nowhere",)),
    "other quantity": View(quantity="Distance"),
    "folded groups": View(grouping="type", folded=("Linear",), layers=("0.weight",), large=True),
    "filter": View(search="nowhere", grouping="depth"),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return {
        "whole": write_run(folder / "whole", steps=70),
        "diverged": write_run(folder / "diverged", steps=60, diverge_at=20),
        "diverged at once": write_run(folder / "at-once", steps=20, diverge_at=0),
        "resumed": write_run(folder / "resumed", steps=60, resume_at=30),
        "torn": write_run(folder / "torn", steps=30, torn=True),
        "one record": write_run(folder / "one", steps=1),
        "two records": write_run(folder / "two", steps=2),
        "no records": write_run(folder / "none", steps=0),
    }


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize(
    "run",
    ["whole", "diverged", "diverged at once", "resumed", "torn", "one record", "two records"],
)
def test_every_instrument_has_a_panel(runs, run, view):
    log = RunLog(runs[run])
    for one in all_instruments():
        panel = one(log, view)
        needs = [name for name in one.needs if name in log.quantities]
        if view.step != -5 and view.window is None and (needs or one.name == "learning_rate"):
            assert isinstance(panel, Panel), one.name
            assert panel.title
            assert panel.group == one.group


def test_a_log_without_records_has_no_panels(runs):
    log = RunLog(runs["no records"])
    assert [one.name for one in instruments_for(log) if one(log, View()) is not None] == []
    assert [fact.label for fact in run_facts(log)][:2] == ["run", "status"]


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_logs_without_one_finite_value(tmp_path, bad):
    names = ("Loss", "Alpha", "HessMaxEV", "TICTrace", "CABS", "EarlyStopping")
    layered = ("Distance", "UpdateSize", "GradNorm", "NormTest", "InnerTest", "OrthoTest",
               "MeanGSNR", "HessTrace", "TICDiag")  # fmt: skip
    values = {name: [bad] * 3 for name in names}
    values |= {name: [per_layer(bad, bad, bad, bad)] * 3 for name in layered}
    log = write_log(tmp_path, values)
    for one in all_instruments():
        panel = one(log, View())
        if panel is None or one.name in ("learning_rate", "time"):
            continue
        both = (*panel.marks, *(m for side in panel.side.values() for m in side.marks))
        assert any(isinstance(m, Points) and m.role == "warning" for m in both), one.name


def test_constant_and_zero_values(tmp_path):
    values = {n: [per_layer(0.0, 0.0, 0.0, 0.0)] * 5 for n in ("GradNorm", "Distance", "NormTest")}
    log = write_log(tmp_path, values)
    for one in all_instruments():
        one(log, View())


def test_enormous_values(tmp_path):
    log = write_log(tmp_path, {"Loss": [1.0, 1e300, -1e300, 5e-324], "HessMaxEV": [1e308, 1.0]})
    for one in all_instruments():
        with np.errstate(over="raise"):
            one(log, View(smoothing=0.5))


def test_run_facts(runs):
    facts = {fact.label: fact for fact in run_facts(RunLog(runs["diverged"]))}
    assert facts["run"].value == "diverged"
    assert facts["step"].value == "59"
    assert facts["epoch"].value == "0"
    assert (facts["loss"].value, facts["loss"].role) == ("NaN", "warning")
    assert facts["tracking"].value == "+75 %"
    assert facts["optimizer"].value == "SGD"
    early = {fact.label: fact for fact in run_facts(RunLog(runs["diverged"]), View(step=3))}
    assert early["step"].value == "3"
    assert early["loss"].role == "muted"
