"""Relative entropy between two distributions of one parametric family, in closed form."""

from .counts import kl_poisson
from .gamma import kl_beta, kl_dirichlet, kl_gamma
from .normal import kl_normal

__all__ = [
    "kl_beta",
    "kl_dirichlet",
    "kl_gamma",
    "kl_normal",
    "kl_poisson",
]
