"""Many tensors as few: what is exchanged in one collective operation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["join_rows", "pack", "pad_rows", "places_by_kind", "unpack"]


def places_by_kind(tensors: Sequence[Tensor]) -> list[list[int]]:
    """The places of the tensors of each dtype, in the same order on all ranks."""
    kinds = sorted({t.dtype for t in tensors}, key=str)
    return [[i for i, t in enumerate(tensors) if t.dtype == kind] for kind in kinds]


def pack(parts: Sequence[Tensor], device: torch.device) -> Tensor:
    """All elements in one vector."""
    return torch.cat([part.detach().reshape(-1).to(device) for part in parts])


def unpack(flat: Tensor, parts: Sequence[Tensor]) -> list[Tensor]:
    """What :func:`pack` has packed, in the shapes and on the devices of ``parts``."""
    pieces = flat.split([part.numel() for part in parts])
    return [
        piece.view(part.shape).to(part.device) for piece, part in zip(pieces, parts, strict=True)
    ]


def pad_rows(parts: Sequence[Tensor], length: int, device: torch.device) -> Tensor:
    """Vectors of shape [n] as rows of a matrix, filled up with zeros to [len(parts), length]."""
    rows = torch.stack([part.detach().to(device) for part in parts])
    return torch.nn.functional.pad(rows, (0, length - rows.shape[1]))


def join_rows(
    matrices: Sequence[Tensor], sizes: Sequence[int], parts: Sequence[Tensor]
) -> list[Tensor]:
    """Each row of the matrices of all ranks as one vector, without what filled it up."""
    whole = torch.cat([m[:, :n] for m, n in zip(matrices, sizes, strict=True)], 1)
    return [row.to(part.device) for row, part in zip(whole.unbind(0), parts, strict=True)]
