"""Shares of gradient elements, and their pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

from cockpit import Cockpit
from cockpit.log import RunLog
from cockpit.log.record import Bins, Counts1d
from cockpit.quantities import GradHist1d
from examples.experiments.gallery.claim import interval
from examples.experiments.gallery.elements import FEWEST, beyond, draw_shares, share, shares
from examples.experiments.gallery.words import percent, points, times


def logged(folder: Path) -> RunLog:
    """One step of a linear model whose gradient elements are −x: known by hand."""
    model = nn.Linear(4, 1)
    inputs = torch.tensor([[0.1, 0.3, 0.6, 2.0], [0.1, -0.3, -0.6, -3.0]])

    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    config = [GradHist1d(bins=4)]
    with Cockpit(model, nn.MSELoss(), optimizer, config=config, logdir=folder) as cockpit:
        losses = -model(inputs)[:, 0]
        loss = losses.mean()
        with cockpit(0, loss=loss, losses=losses):
            loss.backward()
    return RunLog(folder)


def test_the_shares_are_those_of_the_elements(tmp_path: Path) -> None:
    found = shares([logged(tmp_path)], layers=["bias", "weight"])
    # The bias has −1 twice, at the range's lower end, which belongs to it.
    assert found.layers[0, 0].tolist() == [0, 1, 0, 0, 0, 0]
    assert (8 * found.layers[0, 1]).tolist() == [1, 1, 3, 1, 1, 1]
    assert (10 * found.network[0]).tolist() == [1, 3, 3, 1, 1, 1]
    assert beyond(found.network).tolist() == [0.2]


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no GradHist1d at step 5"):
        shares([logged(tmp_path)], step=5)
    with pytest.raises(ValueError, match="without a histogram"):
        share(None)


def test_no_finite_element_has_no_shares() -> None:
    assert np.isnan(share(Counts1d(np.zeros(2, int), 0, 0, 0, 7))).all()


def test_outer_bars_stand_apart_and_rare_elements_are_left_out() -> None:
    with_rare = np.array([0.5, FEWEST / 2, 0.25, 0.25])
    ax = Figure().subplots()
    draw_shares(ax, Bins(-1, 1, 2), with_rare, "primary")
    areas, outlines = ax.patches[::2], ax.patches[1::2]
    inner, left, right = (each.get_data() for each in outlines)
    assert np.isnan(inner.values[0])
    assert inner.values[1] == 0.25
    assert left.edges[1] < -1
    assert right.edges[0] > 1
    assert len(areas) == 3
    assert ax.get_yscale() == "log"


def test_intervals_in_words() -> None:
    assert percent(interval([0.01, 0.01, 0.01])) == "1.00% (1.00% to 1.00%, 3 seeds)"
    assert points(interval([0.25, 0.25])) == "25.0 points (25.0 to 25.0, 2 seeds)"
    assert times(interval([2.0, 2.0])) == "100 × (100 to 100, 2 seeds)"
