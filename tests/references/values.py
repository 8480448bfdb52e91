"""What a reference returns where the value is network-wide and per parameter."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PerParameter:
    """One number for the network, one per trainable named parameter, and how many were left out.

    Attributes:
        network: The network-wide number.
        layers: By parameter name; frozen parameters are missing.
        excluded: Elements left out of a network-wide mean, as they have no noise, else 0.
    """

    network: float
    layers: dict[str, float]
    excluded: int = 0
