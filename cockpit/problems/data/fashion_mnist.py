"""Fashion-MNIST: 70,000 grey 28 × 28 pictures of clothes in ten classes.

Reference: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for
benchmarking machine learning algorithms", 2017.
"""

from __future__ import annotations

from pathlib import Path

from cockpit.problems.data.folders import DataFile, Origin
from cockpit.problems.data.images import ImageSet
from cockpit.problems.data.mnist_family import reader
from cockpit.problems.data.sources import Stored

ORIGIN = Origin(
    name="fashion-mnist",
    title="Fashion-MNIST",
    files=(
        DataFile(
            "train-images-idx3-ubyte",
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        DataFile(
            "train-labels-idx1-ubyte",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        DataFile(
            "t10k-images-idx3-ubyte",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        DataFile(
            "t10k-labels-idx1-ubyte",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
    urls=(
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    ),
    debian="dataset-fashion-mnist",
    system=Path("/usr/share/datasets/fashion-mnist"),
    other_folders=("FashionMNIST/raw",),
)

CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

SOURCE = Stored(ORIGIN, ImageSet, reader(ORIGIN, CLASSES))
