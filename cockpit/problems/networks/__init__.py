"""The networks of the test problems, initialized as DeepOBS does where that is known.

Each function takes a seed; weights come from a generator of their own.
"""

from __future__ import annotations

from cockpit.problems.networks.convolutional import all_cnn_c, cnn_2c2d, cnn_3c3d
from cockpit.problems.networks.dense import logistic_regression, mlp
from cockpit.problems.networks.recurrent import character_lstm
from cockpit.problems.networks.residual import wide_resnet_16_4
from cockpit.problems.networks.small import point, two_parameters
from cockpit.problems.networks.variational import variational_autoencoder
from cockpit.problems.networks.vgg import vgg_16

__all__ = [
    "all_cnn_c",
    "character_lstm",
    "cnn_2c2d",
    "cnn_3c3d",
    "logistic_regression",
    "mlp",
    "point",
    "two_parameters",
    "variational_autoencoder",
    "vgg_16",
    "wide_resnet_16_4",
]
