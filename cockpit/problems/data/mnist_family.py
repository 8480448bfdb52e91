"""What MNIST and those made after it have in common: four IDX files of grey 28 × 28 pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from cockpit.problems.data.folders import Origin, read_from
from cockpit.problems.data.idx import parse_idx
from cockpit.problems.data.images import ImageSet, Labeled


def reader(origin: Origin, classes: tuple[str, ...]) -> Callable[[Path], ImageSet]:
    """What reads such a data set from a folder.

    Args:
        origin: Its files: images and labels of the training set, then of the test set.
        classes: Names of the classes.
    """

    def read(folder: Path) -> ImageSet:
        arrays = [torch.from_numpy(parse_idx(read_from(folder, file))) for file in origin.files]
        return ImageSet(
            name=origin.name,
            title=origin.title,
            train=_labeled(*arrays[:2]),
            test=_labeled(*arrays[2:]),
            found=str(folder),
            classes=classes,
        )

    return read


def _labeled(images: Tensor, labels: Tensor) -> Labeled:
    return Labeled(images[:, None], labels.long())
