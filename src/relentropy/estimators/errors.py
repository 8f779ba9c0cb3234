"""Errors of estimates: what the mean of samples that depend on one another is worth."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np

from .. import _arguments
from .._arrays.axes import reduced_axes
from .._arrays.operands import Array, Generic, Operand
from .._arrays.plain import Plain
from . import _constants
from ._clusters import Clusters, of_sequences, result, scaled_root, shifted, widest

Axis = int | tuple[int, ...] | None

# As many sequences at a time are given weights: 8 MB of them for 1000 resamples.
_BLOCK = 1024


class Interval(NamedTuple, Generic[Array]):
    """An estimate and its confidence interval.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.estimators import confidence_interval
    >>> found = confidence_interval(np.array([[0.1, 0.3], [0.2, 0.4], [0.3, 0.2]]))
    >>> bool(found.low < found.estimate < found.high)
    True
    """

    estimate: Array
    """The mean."""
    low: Array
    """The lower end of the interval."""
    high: Array
    """The upper end."""


def standard_error(
    values: Operand[Array],
    where: Any = None,
    *,
    method: Literal["cluster", "bootstrap"] = "cluster",
    per: Literal["token", "sequence"] = "token",
    log_weights: Operand[Array] | None = None,
    axis: Axis = -1,
    resamples: int = 1000,
    seed: Any = None,
) -> Array:
    r"""Return the standard error of a mean of estimates with dependent entries of a sequence.

    .. math::
        \operatorname{se}^2 = \frac{n}{n - 1} \sum_i
            \left(\frac{S_i - \hat\mu N_i}{\sum_j N_j}\right)^2,
        \qquad \hat\mu = \frac{\sum_i S_i}{\sum_i N_i}

    S is the sum of a sequence's values and N how many there are; n sequences have any.

    Parameters
    ----------
    values : array
        Estimates, such as ``kl_estimate`` gives them, of shape (batch, time).
    where : array of bool, optional
        Entries to include; broadcasts to the values' shape. What it excludes is replaced before
        any arithmetic, and a sequence without any entry is not counted.
    method : {"cluster", "bootstrap"}, default cluster
        The formula above, or the standard deviation of estimates from resampled sequences.
    per : {"token", "sequence"}, default token
        What is averaged: entries, or sums of sequences (then S is the sum and N is 1).
    log_weights : array, optional
        Logarithms of importance weights, which broadcast with the values; of any scale, since
        the weights are divided by their sum. For ``per="sequence"`` one each, of size one along
        ``axis``.
    axis : int, tuple of ints or None, default -1
        The axes along which the entries of one sequence lie; all others count sequences. ``()``
        for entries that are independent.
    resamples : int, default 1000
        How often the bootstrap resamples.
    seed : int or numpy.random.Generator, optional
        Of the bootstrap; the same for all libraries. By default a fresh one every time (for a
        compiled function, every time it is compiled).

    Returns
    -------
    array
        A 0-d array (a scalar of numpy's), float32 for 16-bit values; nan for fewer than two
        sequences.

    Raises
    ------
    TypeError
        For arrays of two libraries, arrays that are not dense, boolean or complex dtypes.
    ValueError
        For an unknown method, shapes that do not broadcast, an axis out of bounds, and several
        weights for a sequence.

    See Also
    --------
    confidence_interval
    RunningEstimate : the same, of data that arrive in parts.

    Notes
    -----
    Taking tokens for independent, as ``values.std() / sqrt(values.size)`` does, understates the
    error of tokens that agree within their sequence by up to the square root of its length.

    A value of a sample whose weight is zero does not count, also where it is infinite. A nan
    that is selected is never hidden. Sums are made in float64 where there is one, scaled so
    that neither they nor squares overflow. Derivatives (torch, jax) are the library's own; that
    of a standard error of zero is taken as 0, and that of one that is nan is nan.

    References
    ----------
    W. G. Cochran, "Sampling Techniques", 3rd edition (1977), chapter 6. K.-Y. Liang and S. L.
    Zeger, "Longitudinal data analysis using generalized linear models", Biometrika 73 (1986).
    D. B. Rubin, "The Bayesian bootstrap", Annals of Statistics 9 (1981).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.estimators import standard_error
    >>> tokens = np.array([[0.1, 0.1, 0.1, 0.1], [0.3, 0.3, 0.3, 0.3], [0.2, 0.2, 0.2, 0.2]])
    >>> print(standard_error(tokens).round(4))
    0.0577

    As if its twelve tokens were independent:

    >>> print(standard_error(tokens, axis=()).round(4))
    0.0246
    """
    linear = _arguments.chosen("method", method, ("cluster", "bootstrap")) == "cluster"

    def error(found: Clusters) -> Any:
        if linear:
            moved = _linearised(found)
        else:
            moved = _deviation(found, _resampled(found, resamples, seed))
        return result(found.plain, moved * found.scale)

    operands = {"values": values, "log_weights": log_weights}
    return of_sequences(operands, where, per, axis, error)


def confidence_interval(
    values: Operand[Array],
    where: Any = None,
    *,
    level: float = 0.95,
    method: Literal["normal", "bootstrap"] = "normal",
    per: Literal["token", "sequence"] = "token",
    log_weights: Operand[Array] | None = None,
    axis: Axis = -1,
    resamples: int = 1000,
    seed: Any = None,
) -> Interval[Array]:
    r"""Return a mean of estimates and its confidence interval, sampled by sequences.

    Parameters
    ----------
    values : array
        Estimates, such as ``kl_estimate`` gives them, of shape (batch, time).
    where : array of bool, optional
        Entries to include; broadcasts to the values' shape. What it excludes is replaced before
        any arithmetic, and a sequence without any entry is not counted.
    level : float, default 0.95
        The probability that the interval shall hold the truth, between 0 and 1.
    method : {"normal", "bootstrap"}, default normal
        The mean and a quantile of the normal distribution times `standard_error` to both
        sides, or quantiles of estimates from resampled sequences, which follow a skewed
        distribution.
    per : {"token", "sequence"}, default token
        What is averaged: entries, or sums of sequences.
    log_weights : array, optional
        Logarithms of importance weights, which broadcast with the values; of any scale. For
        ``per="sequence"`` one each, of size one along ``axis``.
    axis : int, tuple of ints or None, default -1
        The axes along which the entries of one sequence lie; all others count sequences. ``()``
        for entries that are independent.
    resamples : int, default 1000
        How often the bootstrap resamples.
    seed : int or numpy.random.Generator, optional
        Of the bootstrap; the same for all libraries. By default a fresh one every time (for a
        compiled function, every time it is compiled).

    Returns
    -------
    Interval
        The mean and its bounds: ``estimate``, ``low`` and ``high``. The mean is 0 where
        nothing is selected, and nan where all weights are zero; the bounds are nan for fewer
        than two sequences.

    Raises
    ------
    TypeError
        For arrays of two libraries, arrays that are not dense, boolean or complex dtypes.
    ValueError
        For an impossible level or method, shapes that do not broadcast, an axis out of bounds,
        and several weights for a sequence.

    See Also
    --------
    standard_error : the formula, and what it assumes.

    Notes
    -----
    Both are for many sequences. In simulations an interval of 95% held the mean of normal
    values in 91% of cases with 10 sequences and in 95% with 50, but that of k3 at a divergence
    of 0.5 in 85% with 20 and in 90% with 100: few samples hold much of such a sum, and of one
    with importance weights far from 1.

    The bootstrap gives every sequence an exponentially distributed weight (Rubin's): unlike
    drawing sequences with replacement, no resample is ever without data, and masked sequences
    change nothing. Deviations from the estimate are stretched by sqrt((n + 1)/(n - 1)), so that
    their variance is that of `standard_error`, instead of too small for few sequences. Blocks
    of 1024 sequences are weighted at a time; the work grows with sequences times resamples.

    References
    ----------
    W. G. Cochran, "Sampling Techniques", 3rd edition (1977), chapter 6. B. Efron and R. J.
    Tibshirani, "An Introduction to the Bootstrap" (1993). D. B. Rubin, "The Bayesian
    bootstrap", Annals of Statistics 9 (1981). T. C. Hesterberg, "What teachers should know
    about the bootstrap", The American Statistician 69 (2015), for stretching.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.estimators import confidence_interval
    >>> tokens = np.random.default_rng(0).normal(0.25, 0.1, size=(100, 20))
    >>> estimate, low, high = confidence_interval(tokens)
    >>> print(f"{estimate:.3f}, from {low:.3f} to {high:.3f}")
    0.247, from 0.243 to 0.252
    """
    level = checked_level(level)
    normal = _arguments.chosen("method", method, ("normal", "bootstrap")) == "normal"

    def interval(found: Clusters) -> Interval[Any]:
        if normal:
            reach = _quantile(found.plain, level) * _linearised(found)
            low, high = found.mean - reach, found.mean + reach
        else:
            low, high = _percentiles(found, level, _resampled(found, resamples, seed))
        bounds = (found.mean, low, high)
        return Interval(*(result(found.plain, one * found.scale) for one in bounds))

    operands = {"values": values, "log_weights": log_weights}
    return of_sequences(operands, where, per, axis, interval)


def effective_sample_size(
    log_weights: Operand[Array], where: Any = None, *, axis: Axis = None, keepdims: bool = False
) -> Array:
    r"""Return the effective sample size: the equally weighted samples that are as informative.

    .. math:: \frac{\left(\sum_i w_i\right)^2}{\sum_i w_i^2}

    Parameters
    ----------
    log_weights : array
        Logarithms of the weights, such as ``log_probs - behaviour_log_probs``; of any scale.
    where : array of bool, optional
        Entries to include; broadcasts to the log-weights' shape. What it excludes is replaced
        before any arithmetic.
    axis : int, tuple of ints or None, default None
        Axes to reduce; None for all of them.
    keepdims : bool, default False
        Keep reduced axes with size one.

    Returns
    -------
    array
        Between 1 and the number of samples, float32 for 16-bit log-weights; 0 where nothing is
        selected or all weights are zero, nan for a log-weight of nan or +inf.

    Raises
    ------
    TypeError
        For arrays that are not dense, boolean or complex dtypes.
    ValueError
        For a mask that does not broadcast, and for an axis out of bounds.

    See Also
    --------
    standard_error : of an estimate with importance weights.

    Notes
    -----
    Weights are divided by the largest before they are squared, so that no log-weight is too
    large or too small. Samples of one sequence are not independent: add their log-weights up,
    or reduce one weight for each sequence.

    References
    ----------
    L. Kish, "Survey Sampling" (1965), section 11.7. A. Kong, "A note on importance sampling
    using standardized weights", University of Chicago Technical Report 348 (1992).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.estimators import effective_sample_size
    >>> print(effective_sample_size(np.array([1000.0, 1000.0, 1000.0, -1000.0])))
    3.0
    """
    plain = Plain({"log_weights": log_weights}, where)
    shape = plain.shape("log_weights")
    axes = reduced_axes(axis, len(shape))
    keepdims = _arguments.one_flag("keepdims", keepdims)
    raw = plain.raw
    with plain.quiet():
        logs = raw.astype(plain.arrays["log_weights"], widest(plain), copy=False)
        weights, _ = shifted(plain, plain.kept(logs, -math.inf), axes)
        total = raw.sum(weights, axis=axes, keepdims=keepdims)
        squares = raw.sum(weights**2, axis=axes, keepdims=keepdims)
        squares = raw.where(squares == 0, raw.ones_like(squares), squares)
        return result(plain, total**2 / squares)


def checked_level(level: Any) -> float:
    """A probability strictly between 0 and 1."""
    share: float = _arguments.checked_share("level", level)
    if not 0 < share < 1:
        raise ValueError(f"level must be between 0 and 1, such as 0.95, not {level!r}")
    return share


def _linearised(found: Clusters) -> Any:
    """The standard error to first order in the residuals."""
    raw, many = found.plain.raw, found.count
    root = scaled_root(found.plain, found.residuals)
    known = many > 1
    one = raw.ones_like(many)
    correction = raw.sqrt(many / raw.where(known, many - 1, one))
    total = raw.where(found.total == 0, one, found.total)
    # Nan by arithmetic, not by a choice, which would have a derivative of zero.
    unknown = raw.where(known, raw.zeros_like(many), found.plain.full(math.nan, many))
    return root / total * correction + unknown * found.mean


def _resampled(found: Clusters, resamples: Any, seed: Any) -> Any:
    """What resampled sequences' estimates differ from the estimate by, one for each."""
    resamples = _arguments.integer("resamples", resamples, 2)
    plain, raw = found.plain, found.plain.raw
    constants = _constants_for(plain)
    entropy = constants.entropy(seed)
    count = math.prod(found.residuals.shape)
    if count != count:
        raise ValueError(
            "values has a size that is not known; call compute_chunk_sizes() before"
        )
    residuals = raw.reshape(found.residuals, (count,))
    weights = raw.reshape(found.weights, (count,))
    top = bottom = raw.zeros(resamples, dtype=residuals.dtype, **plain.place)
    for block, start in enumerate(range(0, count, _BLOCK)):
        stop = min(start + _BLOCK, count)
        drawn = constants.exponentials(entropy, block, stop - start, resamples)
        drawn = raw.asarray(drawn.T, dtype=residuals.dtype, **plain.place)
        top = top + raw.matmul(drawn, residuals[start:stop])
        bottom = bottom + raw.matmul(drawn, weights[start:stop])
    many = found.count
    known = many > 1
    stretch = raw.sqrt((many + 1) / raw.where(known, many - 1, raw.ones_like(many)))
    stretch = raw.where(known, stretch, plain.full(math.nan, stretch))
    return stretch * top / raw.where(bottom == 0, raw.ones_like(bottom), bottom)


def _deviation(found: Clusters, moved: Any) -> Any:
    """The standard deviation of resampled estimates."""
    raw = found.plain.raw
    return scaled_root(found.plain, moved - raw.mean(moved)) / math.sqrt(moved.shape[0] - 1)


def _percentiles(found: Clusters, level: float, moved: Any) -> tuple[Any, Any]:
    """The bounds that leave out equal shares of resampled estimates on both sides."""
    raw = found.plain.raw
    if found.plain.library == "dask":  # which has no sort
        moved = moved.rechunk(-1).map_blocks(np.sort)
    else:
        moved = raw.sort(moved)
    last = moved.shape[0] - 1

    def at(share: float) -> Any:
        below = min(int(share * last), last - 1)
        part = share * last - below
        return found.mean + (moved[below] * (1 - part) + moved[below + 1] * part)

    return at((1 - level) / 2), at((1 + level) / 2)


def _quantile(plain: Plain, level: float) -> float:
    return float(_constants_for(plain).normal_quantile(level))


def _constants_for(plain: Plain) -> Any:
    """The module of constants, known to torch's compiler where that may be at work."""
    if plain.library == "torch":
        from . import _torch  # noqa: F401
    return _constants
