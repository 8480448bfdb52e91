"""Colors as people with deuteranopia see them, and how far apart colors look."""

from __future__ import annotations

import numpy as np

# On linear RGB. Reference: Machado, Oliveira and Fernandes (2009), table 1, severity 1.0.
DEUTERANOPIA = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)
# Linear sRGB to XYZ, and the white it has. Reference: IEC 61966-2-1.
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = TO_XYZ.sum(axis=1)


def linear(color: str) -> np.ndarray:
    """Linear RGB of ``#RRGGBB``, each from 0 to 1."""
    channels = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE 1976 L*a*b* of linear RGB."""
    ratio = TO_XYZ @ rgb / WHITE
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def distance(one: str, other: str, *, deuteranopia: bool = False) -> float:
    """Color difference ΔE (CIE 1976) of two ``#RRGGBB``; 2.3 is just noticeable."""
    seen = [
        lab(np.clip(DEUTERANOPIA @ linear(c), 0, 1) if deuteranopia else linear(c))
        for c in (one, other)
    ]
    return float(np.linalg.norm(seen[0] - seen[1]))
