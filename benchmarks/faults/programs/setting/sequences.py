"""Texts and series."""

from __future__ import annotations

from functools import partial

from torch import nn

from benchmarks.faults import networks, schedules
from benchmarks.faults.programs.program import (
    Program,
    adam,
    adamw,
    nesterov,
    rmsprop,
)
from benchmarks.faults.tasks import texts

program = partial(Program, split="setting")


def programs() -> list[Program]:
    """All of them."""
    return [*_characters(), *_further()]


def _characters() -> list[Program]:
    """Those that foresee characters."""
    return [
        program("transformer-adamw", "transformer", "bible",
                lambda: networks.Transformer(texts.CODES, texts.LENGTH, 32, 2),
                adamw(1e-2), 16, 200, schedules.warm_up_cosine, clip=1.0),
        program("lstm-adam", "LSTM", "bible", lambda: networks.recurrent(texts.CODES, 48),
                adam(1e-2), 32, 200),
        program("transformer-adam", "transformer", "bible",
                lambda: networks.Transformer(
                    texts.CODES, texts.LENGTH, 24, 2, dropout=0.1, first=False),
                adam(1e-2), 32, 200, schedules.warm_up_cosine),
        program("transformer-long", "transformer", "bible",
                lambda: networks.Transformer(texts.CODES, texts.LENGTH, 24, 1),
                adamw(1e-2, weight_decay=0.1), 16, 600, schedules.warm_up_cosine, clip=1.0),
        program("lstm-momentum", "LSTM", "bible", lambda: networks.recurrent(texts.CODES, 40),
                nesterov(1.0), 32, 200, schedules.cosine, clip=1.0),
        program("gru-adam", "GRU", "bible", lambda: networks.Characters(nn.GRU, texts.CODES, 40),
                adam(1e-2), 32, 200, schedules.cosine, clip=1.0),
    ]  # fmt: skip


def _further() -> list[Program]:
    """Verses, words, rows, waves, patches."""
    return [
        program("psalms-transformer", "transformer", "psalms",
                lambda: networks.Transformer(
                    texts.PSALMS_CODES, texts.PSALMS_LENGTH, 40, 1, dropout=0.05),
                adamw(2e-2), 24, 250, schedules.warm_up_cosine, clip=1.0),
        program("testaments-transformer", "transformer, yes or no", "testaments",
                lambda: networks.Reader(texts.WORDS, texts.VERSE, 24, 1, 1),
                adam(8e-3), 32, 300, schedules.one_cycle),
        program("spaces-gru", "GRU, both directions", "spaces",
                lambda: networks.Letters(texts.LETTERS, 24), adam(1e-2), 48, 200),
        program("rows-rnn", "RNN, tanh", "clothes-rows",
                lambda: networks.Recurrent(nn.RNN, 20, 48, 10), rmsprop(2e-3), 64, 300, clip=1.0),
        program("waves-lstm", "LSTM, both directions", "waves",
                lambda: networks.Recurrent(nn.LSTM, 1, 24, 4, both=True), adamw(1e-2), 64, 250,
                schedules.linear),
        program("vit-adamw", "transformer, patches", "clothes-28",
                lambda: networks.PictureTransformer(28, 7, 32, 1, 10), adamw(8e-3), 64, 200,
                schedules.warm_up_cosine),
    ]  # fmt: skip
