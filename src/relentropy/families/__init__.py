"""Relative entropy between two distributions of one parametric family, in closed form."""

from .circular import kl_von_mises
from .counts import kl_bernoulli, kl_binomial, kl_categorical, kl_geometric, kl_poisson
from .dirichlet import kl_beta, kl_dirichlet
from .distributions import kl
from .extremes import kl_gumbel, kl_weibull
from .gamma import kl_gamma, kl_inverse_gamma
from .multivariate import kl_multivariate_normal
from .normal import kl_lognormal, kl_normal
from .scales import kl_exponential, kl_laplace, kl_pareto, kl_uniform

__all__ = [
    "kl",
    "kl_bernoulli",
    "kl_beta",
    "kl_binomial",
    "kl_categorical",
    "kl_dirichlet",
    "kl_exponential",
    "kl_gamma",
    "kl_geometric",
    "kl_gumbel",
    "kl_inverse_gamma",
    "kl_laplace",
    "kl_lognormal",
    "kl_multivariate_normal",
    "kl_normal",
    "kl_pareto",
    "kl_poisson",
    "kl_uniform",
    "kl_von_mises",
    "kl_weibull",
]
