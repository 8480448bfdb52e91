"""SVHN: 99,289 colored 32 × 32 pictures of house numbers, by their middle digit.

Reference: Y. Netzer et al., "Reading digits in natural images with unsupervised feature
learning", 2011 (format 2, cropped digits).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from cockpit.problems.data.errors import DamagedError
from cockpit.problems.data.folders import DataFile, Origin, check_as_it_is, find_file
from cockpit.problems.data.images import ImageSet, Labeled
from cockpit.problems.data.sources import Stored

ORIGIN = Origin(
    name="svhn",
    title="SVHN",
    files=(
        DataFile("train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373", suffix=""),
        DataFile("test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3", suffix=""),
    ),
    urls=("http://ufldl.stanford.edu/housenumbers/",),
)


def read(folder: Path) -> ImageSet:
    """The data set in ``folder``.

    Raises:
        DamagedError: If a file is damaged or is another one.
    """
    train, test = (_checked(folder, file) for file in ORIGIN.files)
    return ImageSet(
        name=ORIGIN.name,
        title=ORIGIN.title,
        train=train,
        test=test,
        found=str(folder),
        classes=tuple(str(digit) for digit in range(10)),
    )


def _checked(folder: Path, file: DataFile) -> Labeled:
    path = find_file(folder, file) or folder / file.name
    check_as_it_is(path, file.digest)
    return parse(path)


def parse(path: Path) -> Labeled:
    """The pictures in a Matlab file: ``X`` [32, 32, 3, n] and ``y`` [n, 1], where 10 means 0.

    Raises:
        DamagedError: If it is no such file.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        content = loadmat(path, variable_names=["X", "y"])
        pixels, digits = content["X"], content["y"].ravel()
    except (MatReadError, ValueError, KeyError, TypeError, NotImplementedError) as error:
        raise DamagedError(f"{path} is no Matlab file with X and y: {error}") from error
    if pixels.dtype != np.uint8 or pixels.shape != (32, 32, 3, len(digits)):
        raise DamagedError(f"{path}: got X of shape {pixels.shape} and {len(digits)} labels")
    # Columns come first in Matlab's order of the axes: [row, column, channel, picture].
    images = torch.from_numpy(np.ascontiguousarray(pixels.transpose(3, 2, 0, 1)))
    return Labeled(images, torch.from_numpy(digits.astype(np.int64) % 10))


SOURCE = Stored(ORIGIN, ImageSet, read)
