"""Networks for texts, categories and series: recurrent ones, transformers, means of words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from benchmarks.faults.networks.dense import Activation, dense
from cockpit.problems.networks.recurrent import CharacterLSTM


def recurrent(codes: int, width: int) -> CharacterLSTM:
    """P8 in small: an embedding, two LSTM layers, a dense layer."""
    return CharacterLSTM(codes, width)


class Characters(nn.Module):
    """An embedding, a recurrent layer, a dense layer.

    Args:
        layer: Torch's ``RNN``, ``LSTM`` or ``GRU``.
        codes: Number of characters.
        width: Of the embedding and of the layer.
    """

    def __init__(self, layer: Callable[..., nn.RNNBase], codes: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(codes, width)
        self.layer = layer(width, width, batch_first=True)
        self.head = nn.Linear(width, codes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, codes, length] of the character after each of x [N, length]."""
        hidden, _ = self.layer(self.embedding(x))
        logits: Tensor = self.head(hidden)
        return logits.transpose(1, 2)


class Transformer(nn.Module):
    """Encoder layers that see what lies before each character, and foresee the next one.

    Args:
        codes: Number of characters.
        length: Of a passage, at most.
        width: Of the embedding; the layers have twice as many units within.
        depth: Number of layers.
        dropout: Within the layers.
        first: Whether normalization comes before each part of a layer, or after it.
    """

    def __init__(
        self,
        codes: int,
        length: int,
        width: int,
        depth: int,
        *,
        dropout: float = 0.0,
        first: bool = True,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(codes, width)
        self.position = nn.Embedding(length, width)
        self.layers = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(
                    width, 4, 2 * width, dropout, batch_first=True, norm_first=first
                )
                for _ in range(depth)
            )
        )
        self.norm = nn.LayerNorm(width) if first else nn.Identity()
        self.head = nn.Linear(width, codes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, codes, length] of the character after each of x [N, length]."""
        places = torch.arange(x.shape[1], device=x.device).expand_as(x)
        hidden = self.embedding(x) + self.position(places)
        mask = nn.Transformer.generate_square_subsequent_mask(
            x.shape[1], device=x.device, dtype=hidden.dtype
        )
        for layer in self.layers:
            hidden = layer(hidden, src_mask=mask, is_causal=True)
        logits: Tensor = self.head(self.norm(hidden))
        return logits.transpose(1, 2)


class Letters(nn.Module):
    """An embedding, a GRU layer in both directions, a dense layer: two classes for each letter.

    Args:
        codes: Number of letters.
        width: Of the embedding and of the layer in each direction.
    """

    def __init__(self, codes: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(codes, width)
        self.gru = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * width, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, 2, length] of x [N, length]."""
        hidden, _ = self.gru(self.embedding(x))
        logits: Tensor = self.head(hidden)
        return logits.transpose(1, 2)


class Words(nn.Module):
    """The mean of a verse's words, and dense layers: their order does not count.

    Args:
        words: Number of codes; 0 fills up.
        width: Of the embedding and of the hidden layer.
        outputs: Of the network.
    """

    def __init__(self, words: int, width: int, outputs: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width, padding_idx=0)
        self.hidden = nn.Linear(width, width)
        self.activation = nn.ReLU()
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, outputs] of x [N, length]."""
        count = (x > 0).sum(1, keepdim=True).clamp(min=1)
        mean = self.embedding(x).sum(1) / count
        logits: Tensor = self.head(self.activation(self.hidden(mean)))
        return logits


class Reader(nn.Module):
    """Encoder layers over a verse's words, whose mean tells what it is.

    Args:
        words: Number of codes.
        length: Of a verse, at most.
        width: Of the embedding; the layers have twice as many units within.
        depth: Number of layers.
        outputs: Of the network.
    """

    def __init__(self, words: int, length: int, width: int, depth: int, outputs: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.position = nn.Embedding(length, width)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, 2, 2 * width, 0.1, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, outputs] of x [N, length]."""
        places = torch.arange(x.shape[1], device=x.device).expand_as(x)
        hidden = self.embedding(x) + self.position(places)
        for layer in self.layers:
            hidden = layer(hidden)
        logits: Tensor = self.head(self.norm(hidden).mean(1))
        return logits


class Recurrent(nn.Module):
    """A recurrent layer over a series of numbers; its states at the end, and a dense layer.

    Args:
        layer: Torch's ``RNN``, ``LSTM`` or ``GRU``.
        inputs: Numbers at each time.
        width: Of the layer, in each direction.
        outputs: Of the network.
        both: Whether it reads in both directions, and the mean of all times counts.
    """

    def __init__(
        self,
        layer: Callable[..., nn.RNNBase],
        inputs: int,
        width: int,
        outputs: int,
        *,
        both: bool = False,
    ) -> None:
        super().__init__()
        self.layer = layer(inputs, width, batch_first=True, bidirectional=both)
        self.head = nn.Linear(width * (1 + both), outputs)
        self._both = both

    def forward(self, x: Tensor) -> Tensor:
        """Outputs [N, outputs] of x [N, times, inputs]."""
        hidden, _ = self.layer(x)
        seen = hidden.mean(1) if self._both else hidden[:, -1]
        made: Tensor = self.head(seen)
        return made


def columns(
    codes: int, count: int, width: int, layers: Sequence[int], activation: Activation
) -> nn.Sequential:
    """Dense layers over the embeddings of some codes, side by side (Bengio et al., 2003).

    Args:
        codes: How many there are, of all columns together.
        count: Of columns.
        width: Of an embedding.
        layers: Widths of the dense layers; the last one is that of the outputs.
        activation: Between the layers.
    """
    return nn.Sequential(nn.Embedding(codes, width), *dense((count * width, *layers), activation))
