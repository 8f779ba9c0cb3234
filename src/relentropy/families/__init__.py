"""Relative entropy between two distributions of one parametric family, in closed form."""

from .counts import kl_poisson
from .extremes import kl_gumbel, kl_weibull
from .gamma import kl_beta, kl_dirichlet, kl_gamma
from .normal import kl_normal

__all__ = [
    "kl_beta",
    "kl_dirichlet",
    "kl_gumbel",
    "kl_weibull",
    "kl_gamma",
    "kl_normal",
    "kl_poisson",
]
