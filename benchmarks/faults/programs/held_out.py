"""The programs that are only scored."""

from __future__ import annotations

from functools import partial

from torch import nn

from benchmarks.faults import networks, schedules
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
from benchmarks.faults.tasks import texts

program = partial(Program, split="held_out")


def programs() -> list[Program]:
    """All of them."""
    return [*_dense(), *_convolutional(), *_sequences(), *_others()]


def _dense() -> list[Program]:
    """Dense layers that tell classes."""
    return [
        program("wine-elu", "MLP, table", "wine",
                lambda: dense((13, 24, 3), nn.ELU, flatten=False), adam(5e-3), 16, 150),
        program("sneakers-logistic", "logistic regression, yes or no", "sneakers",
                lambda: dense((144, 1)), adagrad(0.05), 50, 200),
        program("clusters-silu", "MLP, table", "clusters",
                lambda: dense((20, 64, 64, 5), nn.SiLU, flatten=False),
                adamw(1e-2), 100, 300, schedules.one_cycle),
        program("layer-norm-nadam", "MLP, LayerNorm", "clothes-7",
                lambda: dense((49, 96, 64, 10), nn.GELU, norm=nn.LayerNorm),
                nadam(3e-3), 128, 250, schedules.linear),
        program("skips-radam", "MLP, short cuts", "clothes-10",
                lambda: networks.with_skips(100, 48, 3, 10),
                radam(1e-2), 48, 300, schedules.exponential),
        program("moons-small-batch", "MLP, table", "moons",
                lambda: dense((6, 32, 32, 2), nn.LeakyReLU, flatten=False),
                momentum(0.05), 8, 600),
        program("parity-nesterov", "MLP, yes or no", "parity",
                lambda: dense((6, 64, 64, 1), flatten=False), nesterov(0.03), 64, 600),
        program("mixer-adamw", "MLP, mixer", "clothes-28",
                lambda: networks.mixer(28, 7, 32, 2, 10), adamw(8e-3), 48, 150, schedules.cosine),
        program("words-adamax", "MLP, mean of words", "books",
                lambda: networks.Words(texts.WORDS, 32, len(texts.BOOKS)), adamax(2e-2), 64, 300),
    ]  # fmt: skip


def _convolutional() -> list[Program]:
    """Convolutions over pictures."""
    return [
        program("shoes-strided", "CNN, strides", "shoes",
                lambda: networks.strided((8, 16, 24), 28, 4), rmsprop(2e-3), 32, 200),
        program("separable-adam", "CNN, BatchNorm", "clothes-16",
                lambda: networks.separable((8, 16, 32), 10), adam(1e-2), 64, 200,
                schedules.one_cycle),
        program("group-norm-nesterov", "CNN, GroupNorm", "digits-16",
                lambda: conv((8, 16), 16, 32, activation=nn.SiLU, norm=partial(nn.GroupNorm, 4)),
                nesterov(0.02), 24, 250, schedules.warm_up),
        program("instance-norm-nadam", "CNN, InstanceNorm", "tops",
                lambda: conv((10, 20), 16, 32, 5, norm=partial(nn.InstanceNorm2d, affine=True)),
                nadam(3e-3), 40, 200),
        program("likely-restarts", "CNN, Dropout", "clothes-likely",
                lambda: networks.averaged((12, 24, 32), 10, 0.1), momentum(0.1), 32, 400,
                schedules.restarts),
        program("resnet-plain", "ResNet, BatchNorm", "digits-16",
                lambda: networks.plain_residual((8, 16, 32), 10), adamw(6e-3), 100, 120,
                schedules.linear),
    ]  # fmt: skip


def _sequences() -> list[Program]:
    """Texts and series."""
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


def _others() -> list[Program]:
    """Those that foresee numbers."""
    return [
        program("arm-parts", "MLP, regression", "arm",
                lambda: dense((6, 64, 64, 2), nn.ReLU, flatten=False), adam(8e-3), 128, 400,
                schedules.cosine, parts=2),
        program("plane-sgd", "linear regression", "plane", lambda: dense((25, 1), flatten=False),
                sgd(0.03), 16, 200, schedules.exponential),
        program("impedance-softplus", "MLP, regression", "impedance",
                lambda: dense((4, 48, 48, 1), nn.Softplus, flatten=False), adamax(6e-3), 32, 400),
        program("denoised-adam", "autoencoder, BatchNorm", "clothes-denoised",
                lambda: dense((100, 64, 24, 64, 100), norm=nn.BatchNorm1d, flatten=False),
                adam(5e-3), 64, 300),
        program("adding-gru", "GRU, regression", "adding",
                lambda: networks.Recurrent(nn.GRU, 2, 32, 1), adam(4e-3), 64, 400, clip=1.0),
    ]  # fmt: skip
