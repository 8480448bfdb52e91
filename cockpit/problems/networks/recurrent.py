"""Recurrent networks for text."""

from __future__ import annotations

from torch import Tensor, nn

from cockpit.problems.networks.initialization import uniform_all


class CharacterLSTM(nn.Module):
    """Foresees the next character: an embedding, two LSTM layers, a dense layer.

    Each passage begins with a state of zeros.

    Args:
        codes: Number of characters.
        width: Of the embedding and of both layers.
    """

    def __init__(self, codes: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(codes, width)
        self.lstm = nn.LSTM(width, width, num_layers=2, batch_first=True)
        self.head = nn.Linear(width, codes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, codes, length] of the character after each of x [N, length]."""
        hidden, _ = self.lstm(self.embedding(x))
        return self.head(hidden).transpose(1, 2)


def character_lstm(seed: int = 0, codes: int = 83, width: int = 128) -> CharacterLSTM:
    """Two LSTM layers of 128 units for 83 characters: 285,523 parameters.

    All parameters are uniform in ±1/√128.
    """
    return uniform_all(CharacterLSTM(codes, width), seed, width)
