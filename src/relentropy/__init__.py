"""Relative entropy and its relatives, with every digit, for any array library."""

from . import special, testing
from .binary import binary_cross_entropy, binary_entropy, binary_kl_divergence
from .divergences import kl_divergence, relative_entropy
from .entropies import cross_entropy, entropy

__version__ = "0.1.0.dev0"

__all__ = [
    "binary_cross_entropy",
    "binary_entropy",
    "binary_kl_divergence",
    "cross_entropy",
    "entropy",
    "kl_divergence",
    "relative_entropy",
    "special",
    "testing",
]
