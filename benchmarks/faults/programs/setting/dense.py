"""Dense layers that tell classes."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from benchmarks.faults import networks, schedules, tasks
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
from cockpit.problems.networks import logistic_regression

program = partial(Program, split="setting")


def programs() -> list[Program]:
    """All of them."""
    return [*_linear(), *_by_gradients(), *_adaptive(), *_further()]


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


def _by_gradients() -> list[Program]:
    """With SGD of some kind."""
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


def _adaptive() -> list[Program]:
    """With an optimizer that adapts its steps."""
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


def _further() -> list[Program]:
    """Other data, other layers."""
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
