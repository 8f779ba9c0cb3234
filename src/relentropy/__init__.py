"""Relative entropy and its relatives, with every digit, for any array library."""

from . import special, testing
from .divergences import kl_divergence, relative_entropy
from .entropies import cross_entropy, entropy
from .information import (
    conditional_entropy,
    conditional_mutual_information,
    joint_entropy,
    mutual_information,
    normalized_mutual_information,
    pointwise_mutual_information,
    total_correlation,
    variation_of_information,
)

__version__ = "0.1.0.dev0"

__all__ = [
    "conditional_entropy",
    "conditional_mutual_information",
    "cross_entropy",
    "entropy",
    "joint_entropy",
    "kl_divergence",
    "mutual_information",
    "normalized_mutual_information",
    "pointwise_mutual_information",
    "relative_entropy",
    "special",
    "testing",
    "total_correlation",
    "variation_of_information",
]
