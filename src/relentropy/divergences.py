"""Divergences between two distributions."""

from __future__ import annotations

from typing import Any, TypeVar

from . import _arguments
from ._call import normalised, reduce
from ._formulas.contributions import KLContributions
from ._formulas.measures import kl_measure
from ._records import record

Array = TypeVar("Array")


@record(
    "reduction",
    "Kullback and Leibler (1951); weights by exact residuals, logits by a centred log-ratio",
    float64=4.0,
    tiled=6.0,
)
def kl_divergence(
    p: Array,
    q: Array,
    *,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: _arguments.FromLogits = False,
    normalize: bool = True,
    base: float | None = None,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Relative entropy D(p‖q), the Kullback-Leibler divergence of q from p.

    .. math:: D(p \| q) = \sum_i p_i \log \frac{p_i}{q_i}

    It is never negative, zero exactly where p and q are equal, and has all its digits also
    where they differ by the last one.

    Parameters
    ----------
    p : array
        The reference distribution (the truth, the teacher): non-negative weights, such as
        probabilities or counts, or logits.
    q : array
        The model of it (the student), of the same size along ``axis``; the other axes
        broadcast.
    axis : int, tuple of ints or None, default -1
        The axes that hold one distribution; None for all of them.
    from_logits : bool or pair of bools, default False
        Whether p and q are logits (unnormalised log-probabilities; log-probabilities are
        logits too); a pair ``(p_is_log, q_is_log)`` says it of each.
    normalize : bool, default True
        Normalise both sides along ``axis``. If False, the generalised divergence
        ``sum(p*log(p/q) - p + q)`` of unnormalised measures.
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits. The default is e, for nats.
    where : array of bool, optional
        Entries to include; broadcasts to the operands' common shape. What it excludes is
        replaced before any arithmetic. A mask of tokens is ``where=mask[..., None]``.
    keepdims : bool, default False
        Keep reduced axes with size one.
    dtype : dtype or str, optional
        Floating dtype of the result: float16, bfloat16, float32 or float64, by name or as
        any library's dtype. By default the promoted dtype of the operands: the wider of two,
        float32 for float16 with bfloat16, the other's for integers, the library's default for
        integers alone. With float64 all its digits are computed also for narrower operands.

    Returns
    -------
    array
        Divergences, of the same library and on the same device as the operands.

    Raises
    ------
    TypeError
        For arrays of two libraries, for arrays that are not dense (masked, sparse, data
        frames), for boolean and complex dtypes, and for class labels in place of p.
    ValueError
        For shapes that do not match along ``axis`` or do not broadcast elsewhere, for a mask
        that does not broadcast, and for an impossible base. Values never raise.

    See Also
    --------
    relentropy.special.kl_div : the terms of the generalised divergence.
    cross_entropy, entropy

    Notes
    -----
    Errors are at most 4 ulp in float64 (6 where a row of more than 16384 entries is merged
    from tiles), 2 in float32, where the result is rounded once from float64, and 1 in float16
    and bfloat16.

    Limits: ``0*log(0/q) = 0``; inf where p > 0 and q = 0; nan for a negative, infinite or nan
    weight, for a logit of nan or +inf, for logits whose difference overflows, and, if
    normalised, where one side has no mass at all; 0 where nothing is selected, or the axis is
    empty. An entry that is zero (or -inf) on both sides contributes nothing. Integers past
    2**53 (2**24 with a result of float32) are rounded.

    Truncated distributions, such as the logarithms of a vocabulary's k largest
    probabilities, are renormalised by ``normalize=True``.

    Gradients (torch, jax) are at most 6 ulp off in float64, 2 in float32 and 1 in float16 and
    bfloat16, times the component's condition number, also where p and q are close: by q's
    logits p*expm1(d), by p's -p*(d + D), with d = log(q/p) and D the divergence. (Of normalised
    weights, components smaller than 2**-70, in float64 2**-100, of 1/sum(p) or
    1/sum(q) may be lost.) By a
    weight of p that is zero the derivative is -inf, or finite if q's is zero too; by q it is
    finite wherever the divergence is, and -p by a logit of q of -inf. Equal inputs have
    gradients of exactly zero. An operand that needs no gradient costs none; a row whose
    cotangent is zero gets zeros, whatever it holds. Second derivatives are those of the same
    formulas, without a bound of their own.

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
    return value  # type: ignore[no-any-return]


relative_entropy = kl_divergence


@record(
    "map",
    "Kullback and Leibler (1951); the terms of the generalised divergence",
    float64=4.0,
    tiled=6.0,
    conditioned=True,
    shared=True,
)
def kl_contributions(
    p: Array,
    q: Array,
    *,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: _arguments.FromLogits = False,
    normalize: bool = True,
    base: float | None = None,
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""What every entry adds to a relative entropy.

    .. math:: p_i \log \frac{p_i}{q_i} - p_i + q_i

    Never negative, and their sum is the divergence, since p and q have the same mass: unlike
    those of ``p*log(p/q)``, their sizes say where two distributions differ.

    Parameters
    ----------
    where : array of bool, optional
        Entries to include; broadcasts to the operands' common shape. What it excludes is
        replaced before any arithmetic, and has a contribution of 0.

    Returns
    -------
    array
        Contributions, of the operands' common shape, library and device.

    See Also
    --------
    kl_divergence : their sum.
    relentropy.special.kl_div : the same of single numbers, without a row.

    Notes
    -----
    The condition number is 1 for weights. From logits the log-ratio of an entry is known to the
    digits of its row's: it is the mean of ``abs(log(p/q))`` over that of the entry, doubled.

    Where p is zero it is q, and inf where q alone is.

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
    return normalised(  # type: ignore[no-any-return]
        contributions, operands, axis=axis, where=where, dtype=dtype
    )
