"""Facts of labels beside outputs: by hand, and against plain loops."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cockpit.backward.facts.labels import Labels
from tests.backward.facts.comparison import WAYS, assert_close, seen, take
from tests.references import facts as naive

GENERATOR = torch.Generator()


def _drawn(*shape: int, classes: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    outputs = torch.randn(shape[0], classes, *shape[1:], generator=GENERATOR.manual_seed(seed))
    return outputs, torch.randint(0, classes, shape, generator=GENERATOR)


CASES: dict[str, tuple[Tensor, Tensor]] = {
    "classes": _drawn(40, classes=7),
    "two classes": _drawn(9, classes=2, seed=1),
    "more samples than are taken": _drawn(1500, classes=3, seed=10),
    "words": _drawn(5, 6, classes=11, seed=2),
    "more than are taken": _drawn(37, 41, classes=3, seed=3),
    "equal outputs": (torch.zeros(6, 4), torch.tensor([0, 1, 2, 2, 2, 3])),
    "rounded": (_drawn(64, classes=5, seed=4)[0].round(), _drawn(64, classes=5, seed=4)[1]),
    "half precision": (_drawn(20, classes=3, seed=5)[0].half(), _drawn(20, classes=3, seed=5)[1]),
    "ignored": (_drawn(5, classes=3, seed=6)[0], torch.tensor([0, -100, 2, 1, -100])),
    "infinite": (torch.tensor([[math.inf, 0.0], [-math.inf, 0.0]]), torch.tensor([0, 0])),
    "NaN": (torch.tensor([[math.nan, 0.0], [1.0, 0.0]]), torch.tensor([0, 0])),
    "one sample": _drawn(1, classes=5, seed=7),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CASES)
def test_labels_are_as_in_plain_loops(name: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take(way, monkeypatch)
    outputs, labels = CASES[name]
    assert_close(seen(Labels(), output=outputs, target=labels), naive.labels_facts(outputs, labels))


def test_numbers_by_hand() -> None:
    outputs = torch.tensor([[3.0, 1.0, 0.0], [3.0, 1.0, 0.0], [0.0, 2.0, 1.0], [0.0, 2.0, 1.0]])
    found = seen(Labels(), output=outputs, target=torch.tensor([0, 2, 0, 2]))
    assert found == {
        "labels.right": 0.25,
        # Half of them are class 0, half class 2: the samples lie in the first, second, second and
        # first half.
        "labels.quarters": [0.25, 0.25, 0.25, 0.25],
    }


def test_labels_that_say_nothing_stand_anywhere_however_frequent_their_class() -> None:
    often = torch.tensor([0.6, 0.2, 0.1, 0.05, 0.05])
    labels = torch.multinomial(often, 1024, True, generator=GENERATOR.manual_seed(8))
    outputs = torch.randn(1024, 5, generator=GENERATOR) + often.log()
    found = seen(Labels(), output=outputs, target=labels)["labels.quarters"]
    assert found == pytest.approx([0.25] * 4, abs=0.03)


def test_another_label_that_is_ignored() -> None:
    outputs, labels = _drawn(30, classes=4, seed=9)
    found = seen(
        Labels(), output=outputs, target=labels, loss_fn=nn.CrossEntropyLoss(ignore_index=0)
    )
    assert_close(found, naive.labels_facts(outputs, labels, ignored=0))


@pytest.mark.parametrize(
    ("outputs", "labels"),
    [
        (torch.zeros(3, 4), torch.zeros(3)),
        (torch.zeros(3, 4), torch.zeros(3, dtype=torch.bool)),
        (torch.zeros(3, 4), torch.zeros(3, 4, dtype=torch.long)),
        (torch.zeros(4), torch.tensor(1)),
        (torch.zeros(3, 1), torch.zeros(3, dtype=torch.long)),
        (torch.zeros(2, 1001), torch.zeros(2, dtype=torch.long)),
        (torch.zeros(2, 3, dtype=torch.long), torch.zeros(2, dtype=torch.long)),
        (torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)),
        (torch.zeros(2, 3), torch.full((2,), -100)),
        (torch.zeros(2, 3), "cat"),
        (None, torch.zeros(3, dtype=torch.long)),
    ],
)
def test_what_is_no_classification_has_no_facts(outputs: Any, labels: Any) -> None:
    assert seen(Labels(), output=outputs, target=labels) == {}
