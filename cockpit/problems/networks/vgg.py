"""The sixteen-layer network of Oxford's Visual Geometry Group, for large images."""

from __future__ import annotations

from torch import nn

from cockpit.problems.networks.initialization import initialize, kaiming_normal

BLOCKS = ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3))
"""Of each block: its channels, as a multiple of the width, and how many convolutions it has."""

SMALLEST = 2 ** len(BLOCKS)  # pixels: each block ends with a pooling that halves the image


def vgg_16(seed: int = 0, size: int = 224, classes: int = 1000, width: int = 64) -> nn.Sequential:
    """Thirteen convolutions, three dense layers, for [N, 3, size, size].

    138,357,544 parameters for the sizes of the original, which are the defaults. Weights: Kaiming
    normal; biases 0. Dropout: 0.5 after the first two dense layers.

    Args:
        seed: Of the weights.
        size: Height and width of the images, in pixels.
        classes: Number of classes.
        width: Channels of the first convolution; all other layers are in proportion.

    Raises:
        ValueError: If the images are too small for five poolings.

    Reference: Simonyan and Zisserman (2015), table 1, column D.
    """
    if size < SMALLEST:
        raise ValueError(f"got images of {size} pixels, expected {SMALLEST} or more")
    layers: list[nn.Module] = []
    channels = 3
    for factor, convolutions in BLOCKS:
        for _ in range(convolutions):
            layers += [nn.Conv2d(channels, factor * width, 3, padding=1), nn.ReLU()]
            channels = factor * width
        layers.append(nn.MaxPool2d(2))
    layers.append(nn.Flatten())
    features, hidden = channels * (size // SMALLEST) ** 2, 64 * width
    for inputs in (features, hidden):
        layers += [nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(0.5)]
    model = nn.Sequential(*layers, nn.Linear(hidden, classes))
    return initialize(model, seed, kaiming_normal)
