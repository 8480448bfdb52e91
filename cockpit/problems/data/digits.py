"""Scikit-learn's digits: 1,797 grey 8 × 8 pictures of handwritten digits; needs no network.

Reference: E. Alpaydin, C. Kaynak, "Optical recognition of handwritten digits", UCI, 1998.
"""

from __future__ import annotations

import torch

from cockpit.problems.data.images import ImageSet, Labeled
from cockpit.problems.data.sources import Made

TITLE = "scikit-learn's digits"
_TEST = 297


def read() -> ImageSet:
    """The data set that scikit-learn ships; the last 297 pictures are the test set.

    Raises:
        ModuleNotFoundError: If scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the digits data set comes with scikit-learn, which is not installed; "
            "run: pip install scikit-learn"
        ) from error
    bunch = load_digits()
    # The pictures hold 0..16.
    images = torch.from_numpy(bunch.images).mul(255 / 16).round().to(torch.uint8)[:, None]
    labels = torch.from_numpy(bunch.target).long()
    return ImageSet(
        name="digits",
        title=TITLE,
        train=Labeled(images[:-_TEST], labels[:-_TEST]),
        test=Labeled(images[-_TEST:], labels[-_TEST:]),
        classes=tuple(str(digit) for digit in range(10)),
        found="scikit-learn",
    )


SOURCE = Made("digits", TITLE, ImageSet, read)
