"""Divergences between two distributions."""

from __future__ import annotations

from typing import Any

from . import _arguments
from ._arrays.operands import Array, Operand
from ._call import normalised, reduce
from ._formulas.contributions import KLContributions
from ._formulas.measures import kl_measure
from ._records import record


@record(
    "reduction",
    "Kullback and Leibler (1951); weights by exact residuals, logits by a centred log-ratio",
    float64=4.0,
    tiled=6.0,
)
def kl_divergence(
    p: Operand[Array],
    q: Operand[Array],
    *,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: _arguments.FromLogits = False,
    normalize: bool = True,
    base: float | None = None,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Return the relative entropy D(p‖q), the Kullback-Leibler divergence of q from p.

    .. math:: D(p \| q) = \sum_i p_i \log \frac{p_i}{q_i}

    It is never negative, zero exactly if p and q are equal, and accurate to a few ulp even if
    they differ only in the last bit.

    Parameters
    ----------
    normalize : bool, default True
        Normalize both sides along ``axis``. If False, the generalized divergence
        ``sum(p*log(p/q) - p + q)`` of unnormalized measures.

    See Also
    --------
    relentropy.special.kl_div : the terms of the generalized divergence.
    cross_entropy, entropy

    Notes
    -----
    Results in float32 are rounded once from float64. Terms ``0*log(0/q)`` are 0. The result is
    inf if p > 0 and q = 0 for an entry, and nan for logits whose difference overflows. Integers
    past 2**53 (2**24 with a result of float32) are rounded.

    Truncated distributions, such as the logarithms of a vocabulary's k largest probabilities,
    are renormalized by ``normalize=True``.

    Derivatives are accurate for close p and q: by q's logits p*expm1(d), by p's -p*(d + D),
    with d = log(q/p) and D the divergence. (For normalized weights, components smaller than
    2**-70, in float64 2**-100, times 1/sum(p) or 1/sum(q) may be lost.) By a weight of p that
    is zero the derivative is -inf, or finite if q's is zero too; by q it is finite wherever the
    divergence is, and -p by a logit of q of -inf. Equal inputs have gradients of exactly zero.
    A row whose cotangent is zero gets zeros, whatever its values are.

    References
    ----------
    S. Kullback and R. A. Leibler, "On information and sufficiency", Annals of Mathematical
    Statistics 22 (1951).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import kl_divergence
    >>> p, q = np.array([0.5, 0.5, 0.0]), np.array([0.4, 0.35, 0.25])
    >>> round(float(kl_divergence(p, q)), 12)
    0.289909247626

    Two models a billionth apart, where ``sum(p*log(p/q))`` has no correct digit:

    >>> logits = np.array([1.0, 2.0, 3.0])
    >>> moved = logits + np.array([0.0, 1e-9, 0.0])
    >>> print(f"{kl_divergence(logits, moved, from_logits=True):.6e}")
    9.241824e-20
    """
    _arguments.refuse_labels(p, q)
    flags = _arguments.both_flags(from_logits)
    base = _arguments.checked_base(base)
    measure = kl_measure(flags, _arguments.one_flag("normalize", normalize), base)
    operands = {"p": p, "q": q}
    (value,) = reduce(measure, operands, axis=axis, where=where, keepdims=keepdims, dtype=dtype)
    return value


relative_entropy = kl_divergence


@record(
    "map",
    "Kullback and Leibler (1951); the terms of the generalised divergence",
    float64=4.0,
    tiled=6.0,
    conditioned=True,
    without_float64=6.0,
)
def kl_contributions(
    p: Operand[Array],
    q: Operand[Array],
    *,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: _arguments.FromLogits = False,
    normalize: bool = True,
    base: float | None = None,
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""Return the contribution of every entry to the relative entropy.

    .. math:: p_i \log \frac{p_i}{q_i} - p_i + q_i

    Contributions are never negative, and their sum is the divergence, since p and q have the
    same mass. Unlike the terms ``p*log(p/q)``, their sizes show where two distributions differ.

    Parameters
    ----------
    where : array of bool, optional
        Entries to include; broadcasts to the operands' common shape. Excluded entries are
        replaced before any arithmetic, and have a contribution of 0.

    Returns
    -------
    array
        Contributions, of the operands' common shape, library and device.

    See Also
    --------
    kl_divergence : the sum of the contributions.
    relentropy.special.kl_div : the term of two numbers, without a row.

    Notes
    -----
    The condition number is 1 for weights. From logits, an entry's log-ratio is accurate
    relative to its row's: the condition number is twice the mean of ``abs(log(p/q))`` divided
    by that of the entry.

    The contribution is q if p is zero, and inf if q alone is.

    References
    ----------
    S. Kullback and R. A. Leibler, "On information and sufficiency", Annals of Mathematical
    Statistics 22 (1951).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import kl_contributions
    >>> print(kl_contributions(np.array([0.5, 0.5, 0.0]), np.array([0.5, 0.25, 0.25])).round(6))
    [0.       0.096574 0.25    ]
    """
    operands = {"p": p, "q": q}
    _arguments.refuse_labels(**operands)
    contributions = KLContributions(
        _arguments.both_flags(from_logits),
        _arguments.one_flag("normalize", normalize),
        _arguments.checked_base(base),
    )
    return normalised(contributions, operands, axis=axis, where=where, dtype=dtype)
