"""MNIST: 70,000 grey 28 × 28 pictures of handwritten digits.

Reference: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", 1998.
"""

from __future__ import annotations

from cockpit.problems.data.folders import DataFile, Origin
from cockpit.problems.data.images import ImageSet
from cockpit.problems.data.mnist_family import reader
from cockpit.problems.data.sources import Stored

ORIGIN = Origin(
    name="mnist",
    title="MNIST",
    files=(
        DataFile("train-images-idx3-ubyte", "6bbc9ace898e44ae57da46a324031adb"),
        DataFile("train-labels-idx1-ubyte", "a25bea736e30d166cdddb491f175f624"),
        DataFile("t10k-images-idx3-ubyte", "2646ac647ad5339dbf082846283269ea"),
        DataFile("t10k-labels-idx1-ubyte", "27ae3e4e09519cfbb04c329615203637"),
    ),
    urls=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    other_folders=("MNIST/raw",),
)

SOURCE = Stored(ORIGIN, ImageSet, reader(ORIGIN, tuple(str(digit) for digit in range(10))))
