"""Images in a frame that a network takes."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from cockpit.problems.data.sets import Samples


@dataclass(frozen=True)
class Framed:
    """Samples whose inputs are images, put into another frame.

    Attributes:
        samples: What to frame.
        shape: Wanted (channels, height, width), see :func:`fit_images`.
    """

    samples: Samples
    shape: tuple[int, int, int]

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.samples)

    def take(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """The chosen images, framed, and their targets."""
        images, targets = self.samples.take(chosen)
        return fit_images(images, self.shape), targets


def fit_images(images: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Images in another frame: enlarged by a whole factor, zero-padded around, channels repeated.

    So Fashion-MNIST ([N, 1, 28, 28]) serves a network for [N, 3, 32, 32], and digits
    ([N, 1, 8, 8]) one for [N, 1, 28, 28].

    Args:
        images: Shape [N, channels, height, width].
        shape: Wanted (channels, height, width).

    Returns:
        Shape [N, *shape].

    Raises:
        ValueError: If the images are larger than the frame, or the channels do not divide.
    """
    channels, height, width = shape
    got_channels, got_height, got_width = images.shape[1:]
    if got_height > height or got_width > width or channels % got_channels:
        raise ValueError(
            f"got images of shape {tuple(images.shape[1:])}, expected some that fit into {shape}: "
            "no larger, and with a number of channels that divides it; choose other data"
        )
    factor = min(height // got_height, width // got_width)
    if factor > 1:
        images = images.repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3)
    below, right = height - images.shape[2], width - images.shape[3]
    frame = (right // 2, right - right // 2, below // 2, below - below // 2)
    return functional.pad(images, frame).repeat(1, channels // got_channels, 1, 1)
