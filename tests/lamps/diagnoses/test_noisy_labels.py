from __future__ import annotations

import pytest
import torch
from torch import nn

from cockpit import Cockpit
from tests.lamps.hand_made import board_of, only, shone, views

NAME = "noisy_labels"
RUN, UNPLANNED = {"planned_steps": 100}, {"planned_steps": None}


def steps(**changed):
    given = {"quarters": [0.6, 0.18, 0.12, 0.1], "counts": [16] * 4, "count": 60} | changed
    quarters = given["quarters"]
    return views(
        {"Loss": 1.0},
        {
            "labels.quarters": quarters if callable(quarters) else lambda i: quarters,
            "targets.counts": lambda i: given["counts"],
            "model.frozen_share": given.get("frozen", 0.0),
        },
        count=given["count"],
        batch_size=given.get("size", 64),
    )


def test_sick():
    episode = only(board_of(NAME, steps(), RUN))
    assert (episode.level, episode.step) == ("caution", 42)  # 0.4 of 100, three readings
    assert episode.reading.numbers["noise"] == pytest.approx(0.4)


def test_how_many_steps_are_planned_is_not_known():
    assert shone(board_of(NAME, steps(), UNPLANNED)) == []
    assert only(board_of(NAME, steps(count=70), UNPLANNED)).step == 65


def fills(i):
    """Labels are found out, slowly: a healthy run while it learns."""
    share = 0.1 * 0.95**i
    return [0.9 - 2 * share, 0.1, share, share]


@pytest.mark.parametrize(
    ("why", "changed"),
    [
        ("few of them", {"quarters": [0.9, 0.05, 0.03, 0.02]}),
        ("hard to tell: second and third, not last", {"quarters": [0.6, 0.2, 0.15, 0.05]}),
        ("nothing is learned yet", {"quarters": [0.26, 0.25, 0.25, 0.24]}),
        ("it learns", {"quarters": fills}),
        ("three classes", {"counts": [16, 16, 16]}),
        ("two frequent ones", {"counts": [100, 100, 1, 1, 1]}),
        ("batches of two", {"size": 2}),
        ("most of the model is frozen", {"frozen": 0.9}),
        ("too early", {"count": 41}),
    ],
)
def test_healthy(why, changed):
    assert shone(board_of(NAME, steps(**changed), header=RUN)) == [], why


def test_wrong_labels_that_are_learned_by_heart_put_it_out():
    def learned(i):
        share = 0.1 if i < 40 else 0.1 * 0.8 ** (i - 40)
        return [0.88 - 2 * share, 0.12, share, share]

    board = board_of(NAME, steps(quarters=learned, count=100), RUN)
    assert board.lit == []
    assert [one.until is not None for one in shone(board)] == [True]


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_a_network_with_such_labels(share, tmp_path):
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(6, 10, generator=generator)
    classes = torch.randint(0, 6, (2000,), generator=generator)
    inputs = centres[classes] + 0.8 * torch.randn(2000, 10, generator=generator)
    labels = classes.clone()
    wrong = torch.rand(2000, generator=generator) < share
    labels[wrong] = torch.randint(0, 6, (int(wrong.sum()),), generator=generator)
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 6))
    loss_fn, optimizer = nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1)
    with Cockpit(model, loss_fn, optimizer, logdir=tmp_path, planned_steps=120) as cockpit:
        for step in range(120):
            chosen = torch.randint(0, 2000, (64,), generator=generator)
            with cockpit(step):
                loss_fn(model(inputs[chosen]), labels[chosen]).backward()
            optimizer.step()
            optimizer.zero_grad()
        lit = [episode.lamp for episode in cockpit.lamps]
    assert (NAME in lit) == (share > 0)
