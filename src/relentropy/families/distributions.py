"""Relative entropy between the distribution objects of torch and of SciPy."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .circular import kl_von_mises
from .counts import kl_bernoulli, kl_binomial, kl_categorical, kl_geometric, kl_poisson
from .dirichlet import kl_beta, kl_dirichlet
from .extremes import kl_gumbel, kl_weibull
from .gamma import kl_gamma, kl_inverse_gamma
from .multivariate import kl_multivariate_normal
from .normal import kl_lognormal, kl_normal
from .scales import kl_exponential, kl_laplace, kl_pareto, kl_uniform

Array = Any
Pairwise = Callable[[Any, Any], Array]


def kl(p: Any, q: Any) -> Array:
    r"""Return the relative entropy between two distributions of one family, given as objects.

    Parameters
    ----------
    p : torch.distributions.Distribution or frozen scipy.stats distribution
        The reference distribution.
    q : torch.distributions.Distribution or frozen scipy.stats distribution
        The other one, of the same library and family.

    Returns
    -------
    array
        Divergences in nats, one for each distribution of the batch: tensors of torch, arrays or
        numbers of numpy.

    Raises
    ------
    TypeError
        For objects of two libraries or families, or of a family without a closed form here.

    See Also
    --------
    kl_normal : and the other functions of parameters, which this one calls.

    Notes
    -----
    As accurate as the family's function, of the parameters that the object keeps: torch keeps a
    probability or a logit, and a factor of a covariance that it was given.

    Of SciPy's distributions the location and the scale count, too: for families that have none
    of their own they must be the same for both, else the result is nan, as it is for binomial
    distributions of which q makes more trials. A log-normal distribution's ``scale`` is the
    exponential of a mean.

    Independent torch distributions of a batch (``Independent``) are added up.

    Of torch: Bernoulli, Beta, Binomial, Categorical, Dirichlet, Exponential, Gamma (and Chi2),
    Geometric, Gumbel, HalfNormal, Independent, InverseGamma, Laplace, LogNormal,
    LowRankMultivariateNormal, MultivariateNormal, Normal, OneHotCategorical, Pareto, Poisson,
    Uniform, VonMises and Weibull. Of SciPy: bernoulli, beta, binom, chi2, dirichlet, expon,
    gamma, geom, gumbel_l, gumbel_r, invgamma, laplace, lognorm, multivariate_normal, norm,
    pareto, poisson, uniform, vonmises and weibull_min.

    Examples
    --------
    >>> from relentropy.families import kl
    >>> from scipy import stats  # doctest: +SKIP
    >>> print(f"{kl(stats.norm(0, 1), stats.norm(0, 1 + 1e-9)):.6e}")  # doctest: +SKIP
    1.000000e-18
    """
    one, other = (_described(name, x) for name, x in (("p", p), ("q", q)))
    if one.library != other.library:
        raise TypeError(
            f"p is of {one.library} and q of {other.library}; pass two distributions of one"
        )
    table = _TORCH if one.library == "torch" else _SCIPY
    for name in one.names:
        if name in other.names and name in table:
            return table[name](one.distribution, other.distribution)
    if one.names[0] == other.names[0]:
        known = ", ".join(sorted(table))
        raise TypeError(
            f"there is no closed form for {one.library}'s {one.names[0]}; known are {known}"
        )
    raise TypeError(
        f"p is {one.library}'s {one.names[0]} and q {other.names[0]}; pass two distributions "
        "of one family"
    )


class _Described(NamedTuple):
    library: str
    names: tuple[str, ...]
    """The family and those it is a special case of."""
    distribution: Any


def _described(name: str, x: Any) -> _Described:
    bases = type(x).__mro__
    names = tuple(
        base.__name__ for base in bases if base.__module__.startswith("torch.distributions.")
    )
    if names:
        return _Described("torch", names, x)
    if any(b.__module__.startswith("scipy.stats.") and "frozen" in b.__name__ for b in bases):
        if hasattr(x, "dist") and hasattr(x.dist, "_parse_args"):
            shapes, loc, scale = x.dist._parse_args(*x.args, **x.kwds)
            return _Described("scipy", (x.dist.name,), _Frozen(tuple(shapes), loc, scale))
        return _Described("scipy", (type(x).__name__.removesuffix("_frozen"),), x)
    raise TypeError(
        f"{name} must be a distribution of torch.distributions or a frozen one of scipy.stats, "
        f"not {type(x).__module__}.{type(x).__qualname__}"
    )


# --- torch --------------------------------------------------------------------------------


def _by(function: Callable[..., Array], *attributes: str) -> Pairwise:
    """A function of the parameters that have these names."""

    def pairwise(p: Any, q: Any) -> Array:
        return function(*(getattr(x, name) for x in (p, q) for name in attributes))

    return pairwise


def _made_of(x: Any, *names: str) -> str:
    """The first of these that the object has got: others are derived from it when asked for."""
    return next(str(name) for name in vars(x) if name in names)


def _outcomes(*distributions: Any) -> tuple[list[Array], tuple[bool, bool]]:
    """Probabilities or logits, whichever they were made of, and whether these are logits."""
    names = [_made_of(x, "probs", "logits") for x in distributions]
    given = [getattr(x, name) for x, name in zip(distributions, names, strict=True)]
    return given, (names[0] == "logits", names[1] == "logits")


def _bernoulli(p: Any, q: Any) -> Array:
    given, flags = _outcomes(p, q)
    return kl_bernoulli(*given, from_logits=flags)


def _binomial(p: Any, q: Any) -> Array:
    given, flags = _outcomes(p, q)
    value = kl_binomial(p.total_count, *given, from_logits=flags)
    return _of_trials(value, p.total_count, q.total_count)


def _categorical(p: Any, q: Any) -> Array:
    given, flags = _outcomes(p, q)
    return kl_categorical(*given, from_logits=flags)


def _one_hot(p: Any, q: Any) -> Array:
    return _categorical(p._categorical, q._categorical)


def _geometric(p: Any, q: Any) -> Array:
    given, flags = _outcomes(p, q)
    if flags[0] == flags[1]:
        return kl_geometric(*given, from_logits=flags[0])
    return kl_geometric(p.probs, q.probs)


def _multivariate(p: Any, q: Any) -> Array:
    ways = ("covariance_matrix", "scale_tril", "precision_matrix")
    if _made_of(p, *ways) == _made_of(q, *ways) == ways[0]:
        one, other = p.covariance_matrix, q.covariance_matrix
        return kl_multivariate_normal(p.loc, one, q.loc, other, scale="covariance")
    return kl_multivariate_normal(p.loc, p.scale_tril, q.loc, q.scale_tril)


def _low_rank(p: Any, q: Any) -> Array:
    one, other = ((x.cov_factor, x.cov_diag) for x in (p, q))
    return kl_multivariate_normal(p.loc, one, q.loc, other, scale="low_rank")


def _half_normal(p: Any, q: Any) -> Array:
    return kl_normal(0.0, p.scale, 0.0, q.scale)


def _independent(p: Any, q: Any) -> Array:
    counts = [x.reinterpreted_batch_ndims for x in (p, q)]
    if counts[0] != counts[1]:
        raise TypeError(
            f"p has {counts[0]} independent axes and q {counts[1]}; pass as many for both"
        )
    value = kl(p.base_dist, q.base_dist)
    return value.sum(tuple(range(-counts[0], 0))) if counts[0] else value


_TORCH: dict[str, Pairwise] = {
    "Bernoulli": _bernoulli,
    "Beta": _by(kl_beta, "concentration1", "concentration0"),
    "Binomial": _binomial,
    "Categorical": _categorical,
    "Dirichlet": _by(kl_dirichlet, "concentration"),
    "Exponential": _by(kl_exponential, "rate"),
    "Gamma": _by(kl_gamma, "concentration", "rate"),
    "Geometric": _geometric,
    "Gumbel": _by(kl_gumbel, "loc", "scale"),
    "HalfNormal": _half_normal,
    "Independent": _independent,
    "InverseGamma": _by(kl_inverse_gamma, "concentration", "rate"),
    "Laplace": _by(kl_laplace, "loc", "scale"),
    "LogNormal": _by(kl_lognormal, "loc", "scale"),
    "LowRankMultivariateNormal": _low_rank,
    "MultivariateNormal": _multivariate,
    "Normal": _by(kl_normal, "loc", "scale"),
    "OneHotCategorical": _one_hot,
    "Pareto": _by(kl_pareto, "scale", "alpha"),
    "Poisson": _by(kl_poisson, "rate"),
    "Uniform": _by(kl_uniform, "low", "high"),
    "VonMises": _by(kl_von_mises, "loc", "concentration"),
    "Weibull": _by(kl_weibull, "concentration", "scale"),
}

# --- SciPy --------------------------------------------------------------------------------


class _Frozen(NamedTuple):
    """A frozen distribution's arguments."""

    shapes: tuple[Any, ...]
    loc: Any
    scale: Any


def _same(function: Callable[..., Array], *names: str) -> Pairwise:
    """A function of shapes, for distributions that agree in what is named."""

    def pairwise(p: _Frozen, q: _Frozen) -> Array:
        value = function(*p.shapes, *q.shapes)
        return _where_same(value, p, q, names)

    return pairwise


def _where_same(value: Array, p: _Frozen, q: _Frozen, names: tuple[str, ...]) -> Array:
    for name in names:
        value = np.where(np.equal(getattr(p, name), getattr(q, name)), value, math.nan)
    return value[()]


def _location_scale(function: Callable[..., Array]) -> Pairwise:
    return lambda p, q: function(p.loc, p.scale, q.loc, q.scale)


def _shape_scale(function: Callable[..., Array], **options: Any) -> Pairwise:
    """A function of one shape and the scale, for distributions that begin at one place."""

    def pairwise(p: _Frozen, q: _Frozen) -> Array:
        value = function(p.shapes[0], p.scale, q.shapes[0], q.scale, **options)
        return _where_same(value, p, q, ("loc",))

    return pairwise


def _chi2(p: _Frozen, q: _Frozen) -> Array:
    one, other = (np.divide(x.shapes[0], 2) for x in (p, q))
    value = kl_gamma(one, p.scale, other, q.scale, parameter="scale")
    return _where_same(value, p, q, ("loc",))


def _reflected_gumbel(p: _Frozen, q: _Frozen) -> Array:
    return kl_gumbel(np.negative(p.loc), p.scale, np.negative(q.loc), q.scale)


def _von_mises(p: _Frozen, q: _Frozen) -> Array:
    value = kl_von_mises(p.loc, p.shapes[0], q.loc, q.shapes[0])
    # Of a circle of another length, where the places are measured in that scale, too.
    same = np.equal(p.scale, 1) & np.equal(q.scale, 1)
    return np.where(same, value, math.nan)[()]


def _dirichlet(p: Any, q: Any) -> Array:
    return kl_dirichlet(p.alpha, q.alpha)


def _log_normal(p: _Frozen, q: _Frozen) -> Array:
    # Means of logarithms count by their difference alone.
    with np.errstate(all="ignore"):
        p_scale, q_scale = (np.asarray(x.scale, np.float64) for x in (p, q))
        mean = np.where(
            p_scale < q_scale,
            -np.log1p((q_scale - p_scale) / p_scale),
            np.log1p((p_scale - q_scale) / q_scale),
        )
    value = kl_lognormal(mean, p.shapes[0], 0.0, q.shapes[0])
    return _where_same(value, p, q, ("loc",))


def _exponential(p: _Frozen, q: _Frozen) -> Array:
    late = np.subtract(p.loc, q.loc)
    value = kl_exponential(q.scale, p.scale)  # rates are the other way round
    with np.errstate(all="ignore"):
        return np.where(late >= 0, value + late / q.scale, math.inf)[()]


def _uniform(p: _Frozen, q: _Frozen) -> Array:
    return kl_uniform(p.loc, np.add(p.loc, p.scale), q.loc, np.add(q.loc, q.scale))


def _pareto(p: _Frozen, q: _Frozen) -> Array:
    value = kl_pareto(p.scale, p.shapes[0], q.scale, q.shapes[0])
    return _where_same(value, p, q, ("loc",))


def _binom(p: _Frozen, q: _Frozen) -> Array:
    value = kl_binomial(p.shapes[0], p.shapes[1], q.shapes[1])
    value = _of_trials(value, *np.broadcast_arrays(p.shapes[0], q.shapes[0]))
    return _where_same(value, p, q, ("loc",))


def _multivariate_normal(p: Any, q: Any) -> Array:
    return kl_multivariate_normal(p.mean, p.cov, q.mean, q.cov, scale="covariance")


_SCIPY: dict[str, Pairwise] = {
    "bernoulli": _same(kl_bernoulli, "loc"),
    "beta": _same(kl_beta, "loc", "scale"),
    "binom": _binom,
    "chi2": _chi2,
    "dirichlet": _dirichlet,
    "expon": _exponential,
    "gamma": _shape_scale(kl_gamma, parameter="scale"),
    "geom": _same(kl_geometric, "loc"),
    "gumbel_l": _reflected_gumbel,
    "gumbel_r": _location_scale(kl_gumbel),
    "invgamma": _shape_scale(kl_inverse_gamma),
    "laplace": _location_scale(kl_laplace),
    "lognorm": _log_normal,
    "multivariate_normal": _multivariate_normal,
    "norm": _location_scale(kl_normal),
    "pareto": _pareto,
    "poisson": _same(kl_poisson, "loc"),
    "uniform": _uniform,
    "vonmises": _von_mises,
    "weibull_min": _shape_scale(kl_weibull),
}


def _of_trials(value: Array, one: Array, other: Array) -> Array:
    """What holds for as many trials; inf where p makes more of them, nan where q does."""
    where = sys.modules["torch"].where if hasattr(value, "detach") else np.where
    return where(one == other, value, where(one > other, math.inf, math.nan))[()]
