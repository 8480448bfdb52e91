"""The programs that thresholds may be set by."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from benchmarks.faults import networks, schedules, tasks
from benchmarks.faults.networks import convolutional as conv
from benchmarks.faults.networks import dense, residual
from benchmarks.faults.programs.program import (
    Program,
    adam,
    adamw,
    momentum,
    nesterov,
    rmsprop,
    sgd,
)
from benchmarks.faults.tasks import texts
from cockpit.problems.networks import logistic_regression


def programs() -> list[Program]:
    """All of them."""
    return [
        *_linear(),
        *_dense_by_gradients(),
        *_dense_adaptive(),
        *_convolutional(),
        *_sequences(),
        *_others(),
    ]


def program(name: str, *given: Any, **others: Any) -> Program:
    return Program(name, "setting", *given, **others)


def _fine_tuned() -> nn.Module:
    """Its first layer is frozen; it was trained on other answers about the same pictures."""
    images, digits = tasks.get("digits-uneven").train.take(torch.arange(500))
    return networks.fine_tuned(images, digits % 2, (64, 96, 48, 10))


def _linear() -> list[Program]:
    """One layer."""
    return [
        program("logistic-zero", "logistic regression", "fashion-raw", logistic_regression,
                sgd(0.1), 128, 150),
        program("logistic-full-batch", "logistic regression", "digits-few",
                lambda: dense((64, 10)), sgd(0.3), 256, 150),
        program("logistic-adam", "logistic regression", "digits-flat",
                lambda: dense((64, 10), flatten=False), adam(1e-2), 64, 150),
    ]  # fmt: skip


def _dense_by_gradients() -> list[Program]:
    """Dense layers, with SGD of some kind."""
    return [
        program("mlp-sgd", "MLP", "fashion-14", lambda: dense((196, 64, 32, 10)),
                sgd(0.15), 64, 150),
        program("mlp-sgd-long", "MLP", "fashion-14", lambda: dense((196, 48, 10)),
                sgd(0.1), 32, 600),
        program("mlp-norm", "MLP, BatchNorm", "digits",
                lambda: dense((64, 64, 64, 10), norm=nn.BatchNorm1d), momentum(0.03), 32, 150),
        program("mlp-tanh", "MLP, tanh", "digits", lambda: dense((64, 48, 32, 10), nn.Tanh),
                nesterov(0.05), 64, 150, schedules.cosine),
        program("mlp-small-batch", "MLP", "digits-flat",
                lambda: dense((64, 48, 10), flatten=False), sgd(0.08), 8, 200),
        program("table-momentum", "MLP, table", "cancer",
                lambda: dense((30, 16, 2), flatten=False), momentum(0.02), 32, 150),
        program("mlp-converged", "MLP", "digits", lambda: dense((64, 64, 10)),
                momentum(0.05), 32, 800),
        program("mlp-momentum", "MLP", "fashion", lambda: dense((784, 64, 10)),
                momentum(0.02), 128, 120),
        program("mlp-nesterov-long", "MLP, BatchNorm", "fashion-14-raw",
                lambda: dense((196, 48, 48, 10), norm=nn.BatchNorm1d),
                nesterov(0.02, weight_decay=1e-4), 64, 600, schedules.steps_down),
        program("mlp-dropout-momentum", "MLP, Dropout", "digits",
                lambda: dense((64, 96, 48, 10), dropout=0.2), momentum(0.05), 32, 200),
        program("mlp-parts", "MLP, table", "digits-flat",
                lambda: dense((64, 64, 10), flatten=False), momentum(0.05), 64, 150, parts=4),
    ]  # fmt: skip


def _dense_adaptive() -> list[Program]:
    """Dense layers, with an optimizer that adapts its steps."""
    return [
        program("mlp-dropout", "MLP, Dropout", "fashion-14-raw",
                lambda: dense((196, 128, 64, 10), dropout=0.3), adam(4e-3), 128, 200),
        program("mlp-large-batch", "MLP", "fashion-14", lambda: dense((196, 100, 10)),
                adam(3e-3), 256, 120),
        program("mlp-deep", "MLP, deep", "digits", lambda: dense((64, *[48] * 5, 10)),
                adam(2e-3), 64, 200),
        program("mlp-tags", "MLP, tags", "digits-tags", lambda: dense((64, 64, 10)),
                adam(5e-3), 32, 200),
        program("mlp-norm-adam", "MLP, BatchNorm", "fashion-14",
                lambda: dense((196, 96, 10), norm=nn.BatchNorm1d), adam(4e-3), 32, 150),
        program("mlp-tanh-rmsprop", "MLP, tanh", "fashion-14",
                lambda: dense((196, 48, 10), nn.Tanh), rmsprop(2e-3), 64, 150),
        program("mlp-sigmoid", "MLP, sigmoid", "digits",
                lambda: dense((64, 48, 10), nn.Sigmoid), adam(1e-2), 64, 200),
        program("mlp-deep-gelu", "MLP, deep", "fashion-14",
                lambda: dense((196, *[40] * 4, 10), nn.GELU), adamw(6e-3), 64, 200,
                schedules.warm_up_cosine),
        program("mlp-wide-batch", "MLP", "digits-raw", lambda: dense((64, 128, 10)),
                adamw(5e-3), 256, 120, schedules.cosine),
        program("table-adamw", "MLP, table", "cancer",
                lambda: dense((30, 24, 12, 2), flatten=False), adamw(2e-3), 16, 150),
        program("fine-tuned", "MLP, fine-tuned", "digits-uneven", _fine_tuned,
                adam(3e-3), 32, 150),
    ]  # fmt: skip


def _convolutional() -> list[Program]:
    """Convolutions."""
    return [
        program("cnn-momentum", "CNN", "fashion-14", lambda: conv((8, 16), 14, 32),
                momentum(0.03), 64, 150),
        program("cnn-adam", "CNN", "digits", lambda: conv((8, 16), 8, 32), adam(4e-3), 32, 150),
        program("cnn-norm", "CNN, BatchNorm", "fashion-14",
                lambda: conv((8, 16), 14, 32, norm=nn.BatchNorm2d), nesterov(0.03), 64, 120,
                schedules.cosine),
        program("cnn-adam-long", "CNN, Dropout", "digits-raw",
                lambda: conv((8, 12), 8, 32, dropout=0.25), adam(2e-3), 16, 600),
        program("resnet-steps", "ResNet, BatchNorm", "digits", lambda: residual((8, 16)),
                momentum(0.1, weight_decay=5e-4), 32, 150, schedules.steps_down),
        program("resnet-adamw", "ResNet, BatchNorm", "fashion-14", lambda: residual((6, 12)),
                adamw(2e-2), 32, 150, schedules.warm_up_cosine),
        program("cnn-parts", "CNN", "fashion-14-raw", lambda: conv((8, 16), 14, 32),
                nesterov(0.1), 64, 150, schedules.cosine, parts=2),
        program("cnn-smoothed", "CNN, Dropout", "fashion-14-smoothed",
                lambda: conv((8, 16), 14, 48, dropout=0.5), adam(4e-3), 64, 200),
        program("cnn-small-batch", "CNN", "digits", lambda: conv((6, 12), 8, 24),
                sgd(0.15), 8, 200),
        program("cnn-sgd", "CNN", "fashion-14", lambda: conv((8, 12), 14, 24), sgd(0.15), 32, 200),
        program("cnn-rmsprop", "CNN, BatchNorm", "digits-raw",
                lambda: conv((8, 16), 8, 24, norm=nn.BatchNorm2d), rmsprop(2e-3), 64, 150),
        program("cnn-dropout", "CNN, Dropout", "fashion-14-raw",
                lambda: conv((10, 16), 14, 40, dropout=0.3), adam(8e-3), 64, 150),
        program("resnet-nesterov", "ResNet, BatchNorm", "fashion-14-raw",
                lambda: residual((6, 12)), nesterov(0.15, weight_decay=5e-4), 32, 120,
                schedules.cosine),
        program("resnet-adam", "ResNet, BatchNorm", "digits-raw", lambda: residual((8, 16)),
                adam(5e-3), 64, 120),
        program("series-adamw", "CNN, series", "digits-rows",
                lambda: networks.series((8, 24, 32), 8, 10), adamw(4e-3), 32, 150),
    ]  # fmt: skip


def _sequences() -> list[Program]:
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
        program("gru-adam", "GRU", "bible", lambda: networks.CharacterGRU(texts.CODES, 40),
                adam(1e-2), 32, 200, schedules.cosine, clip=1.0),
    ]  # fmt: skip


def _others() -> list[Program]:
    """Those that foresee numbers, or their inputs."""
    return [
        program("regression-adam", "MLP, regression", "diabetes",
                lambda: dense((10, 16, 1), flatten=False), adam(1e-2), 32, 150),
        program("regression-momentum", "MLP, regression", "friedman",
                lambda: dense((10, 48, 32, 1), flatten=False), momentum(0.03), 64, 200),
        program("regression-rmsprop", "MLP, regression", "halves",
                lambda: dense((32, 64, 32), flatten=False), rmsprop(2e-3), 64, 150),
        program("regression-sgd", "linear regression", "diabetes",
                lambda: dense((10, 1), flatten=False), sgd(0.03), 32, 150),
        program("regression-tanh", "MLP, regression", "friedman",
                lambda: dense((10, 64, 1), nn.Tanh, flatten=False), adamw(4e-2), 64, 200,
                schedules.cosine),
        program("regression-norm", "MLP, regression", "halves",
                lambda: dense((32, 64, 64, 32), norm=nn.BatchNorm1d, flatten=False),
                momentum(0.1), 32, 150, schedules.steps_down),
        program("autoencoder", "autoencoder", "digits-itself",
                lambda: dense((64, 48, 16, 48, 64), flatten=False), adam(8e-3), 64, 250),
        program("regression-robust", "MLP, regression", "friedman-robust",
                lambda: dense((10, 64, 32, 1), flatten=False), adam(5e-3), 64, 200),
    ]  # fmt: skip
