"""What is measured: seven networks, each with real data and a batch size.

Those of ``cockpit.problems`` come from there. Where an image network wants 3 × 32 × 32, it gets
Fashion-MNIST, padded. The transformer learns to foresee the next byte of this project's own texts.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from cockpit.problems import get
from cockpit.problems.data import Batches, load
from cockpit.problems.networks import all_cnn_c

Batch = tuple[Tensor, Tensor]
ROOT = Path(__file__).parents[1]
TOKENS = 64


@dataclass(frozen=True)
class Workload:
    """A network with its data.

    Attributes:
        title: How the tables call it.
        make: Makes the network; the same at each call.
        batches: Endless batches (inputs, targets).
        batch_size: N.
        lr: With which plain SGD trains it.
        warm_up: Training steps before anything is timed: a fresh network's gradients are special.
        data: What it learns from, for the tables.
    """

    title: str
    make: Callable[[], nn.Module]
    batches: Callable[[], Iterator[Batch]]
    batch_size: int
    lr: float
    warm_up: int
    data: str


def images(shape: tuple[int, int, int], batch_size: int) -> Iterator[Batch]:
    """Fashion-MNIST (or what stands in for it) without end."""
    found = load("fashion-mnist", fallback=True)
    batches = Batches(found.train, batch_size, shape=shape)
    while True:
        yield from batches


def text(batch_size: int) -> Iterator[Batch]:
    """Pieces of the license, README and docs, as bytes [N, 64], and the bytes that follow each."""
    files = [ROOT / "LICENSE", ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    content = torch.tensor(list(b"\n".join(file.read_bytes() for file in files)))
    generator = torch.Generator().manual_seed(0)
    places = torch.arange(TOKENS + 1)
    while True:
        starts = torch.randint(len(content) - TOKENS, (batch_size, 1), generator=generator)
        pieces = content[starts + places]
        yield pieces[:, :-1], pieces[:, 1:]


def all_cnn_c_without_dropout() -> nn.Module:
    """For [N, 3, 32, 32]: 1,369,738 parameters for 10 classes."""
    return all_cnn_c(0, classes=10, dropout=False)


class ResidualBlock(nn.Module):
    """Two convolutions beside a short cut, with BatchNorm and in-place activations."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = (
            nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )
            if stride != 1 or inputs != outputs
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.downsample(x)
        return self.relu(out)


class ResNet18(nn.Sequential):
    """As torchvision builds it, for [N, 3, H, W]: 11,181,642 parameters for 10 classes.

    Reference: He et al. (2016).
    """

    def __init__(self) -> None:
        widths = (64, 64, 128, 256, 512)
        blocks = []
        for stage, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
            blocks.append(ResidualBlock(inputs, outputs, 1 if stage == 0 else 2))
            blocks.append(ResidualBlock(outputs, outputs, 1))
        super().__init__(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
            *blocks,
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(512, 10),
        )


class Transformer(nn.Module):
    """Two encoder layers (width 128, 4 heads, 512 within) that foresee the next of 64 bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(256, 128)
        self.position = nn.Embedding(TOKENS, 128)
        self.layers = nn.Sequential(
            *(nn.TransformerEncoderLayer(128, 4, 512, batch_first=True) for _ in range(2))
        )
        self.head = nn.Linear(128, 256)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, 256, 64] of the byte after each of x [N, 64], from those before alone."""
        places = torch.arange(x.shape[1], device=x.device).expand_as(x)
        hidden = self.embedding(x) + self.position(places)
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1], device=x.device)
        for layer in self.layers:
            hidden = layer(hidden, src_mask=mask, is_causal=True)
        return self.head(hidden).transpose(1, 2)


def seeded(make: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """The same network at each call; the global random numbers are not touched."""

    def made() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return make()

    return made


def problem(name: str) -> Workload:
    """One of ``cockpit.problems``."""
    known = get(name)
    return Workload(
        title=known.name,
        make=lambda: known.model(0),
        batches=lambda: images(known.view.shape, known.batch_size),
        batch_size=known.batch_size,
        lr=known.lr,
        warm_up=100,
        data="Fashion-MNIST",
    )


def image_network(title: str, make: Callable[[], nn.Module], batch_size: int) -> Workload:
    """A large network for [N, 3, 32, 32], with fewer samples and less warm-up."""
    return Workload(
        title,
        seeded(make),
        lambda: images((3, 32, 32), batch_size),
        batch_size,
        lr=0.01,
        warm_up=20,
        data="Fashion-MNIST",
    )


WORKLOADS = {
    "logreg": problem("logistic-regression"),
    "MLP": problem("mlp"),
    "2c2d": problem("2c2d"),
    "3c3d": problem("3c3d"),
    "All-CNN-C": image_network("All-CNN-C", all_cnn_c_without_dropout, 8),
    "ResNet-18": image_network("ResNet-18", ResNet18, 8),
    "TF": Workload(
        "transformer",
        seeded(Transformer),
        lambda: text(32),
        32,
        lr=0.05,
        warm_up=100,
        data="bytes of this project's texts",
    ),
}
