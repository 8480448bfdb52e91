"""CIFAR-10 and CIFAR-100: 60,000 colored 32 × 32 photographs each.

Reference: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cockpit.problems.data.errors import DamagedError
from cockpit.problems.data.folders import Archive, DataFile, Origin, read_from
from cockpit.problems.data.images import ImageSet, Labeled
from cockpit.problems.data.pickles import array, unpickle
from cockpit.problems.data.sources import Stored

_URLS = ("https://www.cs.toronto.edu/~kriz/",)
_SHAPE = (3, 32, 32)

CIFAR10 = Origin(
    name="cifar-10",
    title="CIFAR-10",
    files=(
        DataFile("data_batch_1", "c99cafc152244af753f735de768cd75f", suffix=""),
        DataFile("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec", suffix=""),
        DataFile("data_batch_3", "54ebc095f3ab1f0389bbae665268c751", suffix=""),
        DataFile("data_batch_4", "634d18415352ddfa80567beed471001a", suffix=""),
        DataFile("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb", suffix=""),
        DataFile("test_batch", "40351d587109b95175f43aff81a1287e", suffix=""),
    ),
    urls=_URLS,
    archive=Archive("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a"),
    other_folders=("cifar-10-batches-py",),
)

CIFAR100 = Origin(
    name="cifar-100",
    title="CIFAR-100",
    files=(
        DataFile("train", "16019d7e3df5f24257cddd939b257f8d", suffix=""),
        DataFile("test", "f0ef6b0ae62326f3e7ffdfab6717acfc", suffix=""),
    ),
    urls=_URLS,
    archive=Archive("cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85"),
    other_folders=("cifar-100-python",),
)

CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip


def reader(origin: Origin, labels: str, classes: tuple[str, ...]) -> Callable[[Path], ImageSet]:
    """What reads such a data set from a folder; the last of its files is the test set.

    Args:
        origin: Its files, each a pickled dictionary.
        labels: Under which key the labels are.
        classes: Names of the classes.
    """

    def read(folder: Path) -> ImageSet:
        *train, test = origin.files
        return ImageSet(
            name=origin.name,
            title=origin.title,
            train=_joined(folder, train, labels, len(classes)),
            test=_joined(folder, [test], labels, len(classes)),
            found=str(folder),
            classes=classes,
        )

    return read


def _joined(folder: Path, files: Sequence[DataFile], labels: str, classes: int) -> Labeled:
    parts = [parse(unpickle(read_from(folder, file)), labels, classes) for file in files]
    images, targets = zip(*parts, strict=True)
    return Labeled(torch.cat(images), torch.cat(targets))


def parse(found: dict[str, Any], key: str, classes: int) -> tuple[Tensor, Tensor]:
    """Images and labels of one file.

    Args:
        found: Has the images under ``data``, each as 1024 red, 1024 green and 1024 blue values.
        key: Under which the labels are.
        classes: How many there are.

    Returns:
        uint8 [n, 3, 32, 32] and int64 [n].

    Raises:
        DamagedError: If images or labels are missing or do not fit each other.
    """
    pixels = array(found, "data", columns=3 * 32 * 32)
    labels = found.get(key)
    if not isinstance(labels, list) or len(labels) != len(pixels):
        raise DamagedError(f"got no list of {len(pixels)} labels under {key!r}")
    targets = torch.tensor(labels, dtype=torch.int64)
    if len(targets) and not 0 <= int(targets.min()) <= int(targets.max()) < classes:
        raise DamagedError(f"got a label outside 0 to {classes - 1}")
    return torch.from_numpy(pixels).reshape(-1, *_SHAPE), targets


SOURCES = (
    Stored(CIFAR10, ImageSet, reader(CIFAR10, "labels", CLASSES)),
    Stored(
        CIFAR100,
        ImageSet,
        reader(CIFAR100, "fine_labels", tuple(f"class {number}" for number in range(100))),
    ),
)
