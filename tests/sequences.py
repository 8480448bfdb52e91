"""Models of sequences and sets: recurrent, with attention, with parameters beside their layers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["N", "T", "Attention", "Language", "Recurrent", "Vision", "sequences"]

N, T = 4, 6  # samples, positions


def sequences(step: int, length: int = T) -> tuple[Tensor, Tensor]:
    """Normal inputs for all of them, and a class for each sample."""
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(N, length, 3, generator=generator, dtype=torch.float64)
    return x, torch.randint(0, 3, (N,), generator=generator)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 5, batch_first=True)
        self.head = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        start = torch.zeros(1, len(x), 5, dtype=x.dtype)
        return self.head(self.lstm(x, (start, start))[0][:, -1])


class Attention(nn.Module):
    def __init__(self, batch_first: bool = True) -> None:
        super().__init__()
        self.batch_first = batch_first
        self.layer = nn.TransformerEncoderLayer(3, 1, 7, dropout=0.0, batch_first=batch_first)
        self.head = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1], dtype=x.dtype)
        if self.batch_first:
            return self.head(self.layer(x, src_mask=mask)[:, -1])
        return self.head(self.layer(x.transpose(0, 1), src_mask=mask)[-1])


class Vision(nn.Module):
    """A transformer over patches, with a class token and learned positions."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, 4))
        self.positions = nn.Parameter(torch.randn(1, T + 1, 4))
        self.patches = nn.Linear(3, 4)
        layer = nn.TransformerEncoderLayer(4, 2, 7, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(4), False)
        self.scale = nn.Parameter(torch.full((4,), 0.5))
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([self.token.expand(len(x), -1, -1), self.patches(x)], 1) + self.positions
        return self.head(self.encoder(x)[:, 0] * self.scale)


class Language(nn.Module):
    """A decoder of tokens that are made of the input's signs, with a tied output."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(8, 4)
        self.positions = nn.Embedding(16, 4)
        self.layer = nn.TransformerEncoderLayer(4, 2, 7, dropout=0.0)

    def forward(self, x: Tensor) -> Tensor:
        bits = (x > 0).long() @ torch.tensor([4, 2, 1])
        y = self.tokens(bits) + self.positions(torch.arange(x.shape[1]))
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1], dtype=y.dtype)
        y = self.layer(y.transpose(0, 1), src_mask=mask)[-1]
        return F.linear(y, self.tokens.weight)[:, :3]
