"""P8: a character LSTM on Tolstoy's War and Peace, in passages of 50 characters.

As many characters have a code of their own as in the English edition, 82; all others share one.
"""

from __future__ import annotations

from torch import nn

from cockpit.problems.data.views import NextCharacter
from cockpit.problems.networks import character_lstm
from cockpit.problems.problem import Problem, accuracy

PROBLEM = Problem(
    key="P8",
    name="char-lstm",
    title="two-layer LSTM that foresees the next character of War and Peace",
    dataset="war-and-peace",
    view=NextCharacter(length=50, codes=83),
    model=character_lstm,
    loss=nn.CrossEntropyLoss,
    batch_size=50,
    epochs=200,
    lr=4.0,
    metric=accuracy,
    source="thesis A.1.2, P8",
)
