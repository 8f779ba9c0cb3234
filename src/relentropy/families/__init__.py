"""Relative entropy between two distributions of one parametric family, in closed form."""

from .counts import kl_poisson
from .normal import kl_normal

__all__ = [
    "kl_normal",
    "kl_poisson",
]
