"""The programs that are only scored."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from benchmarks.faults import networks, schedules, tasks
from benchmarks.faults.networks import convolutional as conv
from benchmarks.faults.networks import dense
from benchmarks.faults.programs.program import (
    Program,
    adagrad,
    adam,
    adamax,
    adamw,
    momentum,
    nadam,
    nesterov,
    radam,
    rmsprop,
    sgd,
)
from benchmarks.faults.tasks import languages, tables, texts

program = partial(Program, split="held_out")


def programs() -> list[Program]:
    """All of them."""
    return [*_dense(), *_convolutional(), *_sequences(), *_numbers()]


def _fine_tuned() -> nn.Module:
    """Its first layer is frozen; it was trained to tell shoes from other clothes."""
    images, kinds = tasks.get("garments-12").train.take(torch.arange(600))
    shoes = torch.isin(kinds, torch.tensor([5, 7, 9])).long()
    return networks.fine_tuned(images, shoes, (144, 80, 40, 10))


def _dense() -> list[Program]:
    """Dense layers that tell classes."""
    return [
        program("iris-tanh", "MLP, table", "iris",
                lambda: dense((4, 24, 12, 3), nn.Tanh, flatten=False), momentum(0.02), 10, 200),
        program("substances-logistic", "logistic regression, spectra", "substances",
                lambda: dense((48, 5), flatten=False), sgd(0.2), 32, 150, schedules.linear),
        program("orbits-weighted", "MLP, LayerNorm", "orbits",
                lambda: dense((7, 64, 64, 3), nn.LeakyReLU, norm=nn.LayerNorm, flatten=False),
                nesterov(0.03, weight_decay=1e-4), 100, 400, schedules.cosine),
        program("topics-adamax", "MLP, tags", "topics",
                lambda: dense((24, 64, 6), nn.LeakyReLU, dropout=0.1, flatten=False),
                adamax(1e-2), 48, 300, schedules.steps_down),
        program("garments-elu", "MLP, BatchNorm", "garments-12",
                lambda: dense((144, 64, 32, 10), nn.ELU, norm=nn.BatchNorm1d), sgd(0.1), 96, 250),
        program("garments-fine-tuned", "MLP, fine-tuned", "garments-12", _fine_tuned,
                momentum(0.03), 40, 250, schedules.exponential),
        program("greater-skips", "MLP, short cuts", "digits-greater",
                lambda: networks.with_skips(128, 32, 2, 1),
                nadam(2e-3, weight_decay=1e-2), 56, 250, schedules.cosine),
        program("mixer-radam", "MLP, mixer", "garments-20",
                lambda: networks.mixer(20, 5, 24, 2, 10), radam(1e-2), 32, 250,
                schedules.cosine),
        program("outlines-points", "MLP, sets", "outlines",
                lambda: networks.of_points(2, 48, 5), adam(5e-3), 64, 250, schedules.linear),
        program("kings-adagrad", "MLP, characters", "kings",
                lambda: networks.columns(
                    texts.KINGS_CODES, texts.BEFORE, 12, (80, texts.KINGS_CODES), nn.Tanh),
                adagrad(0.05), 120, 400),
    ]  # fmt: skip


def _convolutional() -> list[Program]:
    """Convolutions over pictures, and over time."""
    return [
        program("turned-likely", "CNN, log-softmax", "garments-turned",
                lambda: nn.Sequential(*conv((10, 20), 14, 40, 4), nn.LogSoftmax(dim=1)),
                adam(4e-3), 50, 200, schedules.cosine),
        program("depthwise-adamw", "CNN, depthwise", "garments-16-smoothed",
                lambda: networks.depthwise(16, 2, 10), adamw(1e-2), 24, 200,
                schedules.one_cycle),
        program("resnet-group-norm", "ResNet, GroupNorm", "garments-16",
                lambda: networks.plain_residual((8, 16, 24), 10, partial(nn.GroupNorm, 4)),
                nesterov(0.03, weight_decay=5e-4), 48, 150, schedules.steps_down),
        program("beats-rmsprop", "CNN, series", "beats",
                lambda: networks.dilated((1, 16, 24, 24), 5), rmsprop(2e-3), 40, 200),
        program("discs-parts", "CNN, regression", "discs",
                lambda: networks.strided((8, 16, 32), 16, 3), adam(4e-3), 96, 200,
                schedules.cosine, parts=3),
        program("filled-adamw", "autoencoder, convolutions", "garments-filled",
                lambda: networks.filling((8, 16)), adamw(8e-3), 24, 150,
                schedules.linear),
    ]  # fmt: skip


def _sequences() -> list[Program]:
    """Texts and series."""
    return [
        program("expressions-rnn", "RNN, characters", "expressions",
                lambda: networks.Characters(nn.RNN, languages.TERMS, 40),
                adam(5e-3), 32, 300, clip=1.0),
        program("weather-lstm", "LSTM, regression", "weather",
                lambda: networks.Recurrent(nn.LSTM, 4, 24, 1), nadam(5e-3), 32, 300, clip=1.0),
        program("gestures-gru", "GRU, last state", "gestures",
                lambda: networks.Recurrent(nn.GRU, 2, 20, 6), adamw(1e-2), 32, 250,
                schedules.quadratic),
        program("expressions-transformer", "transformer, characters", "expressions",
                lambda: networks.Transformer(
                    languages.TERMS, languages.EXPRESSIONS, 24, 1, first=False),
                adam(8e-3), 20, 200, schedules.warm_up_cosine),
        program("genesis-transformer", "transformer", "genesis",
                lambda: networks.Transformer(
                    texts.GENESIS_CODES, texts.GENESIS_LENGTH, 32, 1, dropout=0.05),
                adamw(1e-2, weight_decay=0.05), 24, 220, schedules.trapezoid, clip=1.0),
        program("kinds-transformer", "transformer, words", "kinds",
                lambda: networks.Reader(texts.WORDS, texts.VERSE, 24, 1, len(texts.KINDS)),
                adam(1e-2), 32, 280, schedules.warm_up_cosine),
        program("patches-parts", "transformer, patches", "garments-20",
                lambda: networks.PictureTransformer(20, 5, 24, 1, 10), adam(6e-3), 48, 250,
                schedules.linear, parts=2),
    ]  # fmt: skip


def _numbers() -> list[Program]:
    """Dense layers that foresee numbers, or their inputs."""
    return [
        program("spectra-momentum", "linear regression, several outputs", "spectra",
                lambda: dense((48, 5), flatten=False), momentum(0.005), 24, 150),
        program("spectra-autoencoder", "autoencoder", "spectra-itself",
                lambda: dense((48, 32, 8, 32, 48), nn.SiLU, flatten=False), rmsprop(2e-3), 64, 400,
                schedules.exponential),
        program("throws-adam", "MLP, regression", "throws",
                lambda: dense((5, 48, 48, 1), flatten=False), adam(5e-3), 16, 500,
                schedules.quadratic),
        program("demand-adamw", "MLP, categories", "demand",
                lambda: networks.columns(
                    sum(tables.CATEGORIES), len(tables.CATEGORIES), 8, (48, 1), nn.GELU),
                adamw(1e-2), 128, 300, schedules.cosine),
    ]  # fmt: skip
