"""Entropies of one distribution, and cross-entropy of two."""

from __future__ import annotations

from typing import Any

from . import _arguments
from ._arrays.operands import Array, Operand
from ._arrays.protocols import Map, Measure
from ._call import normalised, reduce
from ._formulas.contributions import PlainSurprisal, Surprisal
from ._formulas.cross_entropy import CrossEntropy, UnnormalisedCrossEntropy
from ._records import record


@record(
    "reduction",
    "Shannon (1948); gaps from the largest entry, and log1p of what the others add to it",
    float64=4.0,
    tiled=6.0,
    conditioned=True,
)
def entropy(
    p: Operand[Array],
    *,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: bool = False,
    normalize: bool = True,
    base: float | None = None,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Return the Shannon entropy.

    .. math:: H(p) = -\sum_i p_i \log p_i

    Parameters
    ----------
    normalize : bool, default True
        Normalize along ``axis``. If False, ``sum(entr(p))`` as it is.

    See Also
    --------
    cross_entropy, kl_divergence, relentropy.special.entr

    Notes
    -----
    The result is accurate for nearly certain distributions. The condition number is 1 for
    normalized distributions; with ``normalize=False`` terms can have either sign, and it is
    that of their sum.

    Terms ``0*log(0)`` are 0. The derivative by a weight of 0 is inf, that by a logit of -inf 0.

    References
    ----------
    C. E. Shannon, "A mathematical theory of communication", Bell System Technical Journal 27
    (1948).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import entropy
    >>> float(entropy(np.array([1, 1, 1, 1]), base=2))
    2.0

    A distribution so certain that float64 probabilities round to 1 and lose the entropy:

    >>> print(f"{entropy(np.array([0.0, -46.0]), from_logits=True):.6e}")
    4.949390e-19
    """
    flags = (_arguments.one_flag("from_logits", from_logits),) * 2
    base = _arguments.checked_base(base)
    kind = (
        CrossEntropy
        if _arguments.one_flag("normalize", normalize)
        else UnnormalisedCrossEntropy
    )
    measure: Measure = kind(flags, base, same=True)
    (value,) = reduce(measure, {"p": p}, axis=axis, where=where, keepdims=keepdims, dtype=dtype)
    return value


@record(
    "reduction",
    "Shannon (1948); gaps from the student's largest entry, and log1p of what the others add",
    float64=4.0,
    tiled=6.0,
    conditioned=True,
)
def cross_entropy(
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
    r"""Return the cross-entropy of q under p, the mean surprisal of q if p is the truth.

    .. math:: H(p, q) = -\sum_i p_i \log q_i = H(p) + D(p \| q)

    Parameters
    ----------
    from_logits : bool or pair of bools, default False
        Whether p and q are logits (or log-probabilities); a pair ``(p_is_log, q_is_log)`` sets
        it separately for p and q: ``(False, True)`` for soft targets and a model's logits.
    normalize : bool, default True
        Normalize both sides along ``axis``. If False, ``-sum(p*log(q))`` as it is.

    Returns
    -------
    array
        Cross-entropies, of the same library and on the same device as the operands.

    See Also
    --------
    entropy, kl_divergence

    Notes
    -----
    The condition number is 1 for normalized distributions; with ``normalize=False`` terms can
    have either sign, and it is that of their sum.

    To measure how far two models are apart use `kl_divergence`: the difference of a
    cross-entropy and an entropy suffers cancellation.

    The result is inf if p > 0 and q = 0 for an entry.

    The derivative by q's logits, q - p, cancels for close p and q; that of `kl_divergence` does
    not. At entries that are zero (or -inf) on both sides derivatives are finite; at p > 0 = q
    they are infinite, but -p by q's logits.

    References
    ----------
    C. E. Shannon, "A mathematical theory of communication", Bell System Technical Journal 27
    (1948).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import cross_entropy
    >>> targets, logits = np.array([0.0, 1.0, 0.0]), np.array([0.0, 40.0, 0.0])
    >>> print(f"{cross_entropy(targets, logits, from_logits=(False, True)):.6e}")
    8.496709e-18
    """
    _arguments.refuse_labels(p, q)
    flags = _arguments.both_flags(from_logits)
    base = _arguments.checked_base(base)
    kind = (
        CrossEntropy
        if _arguments.one_flag("normalize", normalize)
        else UnnormalisedCrossEntropy
    )
    measure: Measure = kind(flags, base)
    (value,) = reduce(
        measure, {"p": p, "q": q}, axis=axis, where=where, keepdims=keepdims, dtype=dtype
    )
    return value


@record(
    "map",
    "Shannon (1948); the gap from the largest entry, and log1p of what the others add to it",
    float64=4.0,
    tiled=6.0,
    without_float64=6.0,
)
def surprisal(
    p: Operand[Array],
    *,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: bool = False,
    normalize: bool = True,
    base: float | None = None,
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""Return the surprisal of every outcome, whose mean is the entropy.

    .. math:: -\log p_i

    Parameters
    ----------
    from_logits : bool, default False
        Whether p are logits (or log-probabilities); then it is minus `log_softmax`.
    normalize : bool, default True
        Normalize along ``axis``. If False, -log(p) as it is.
    where : array of bool, optional
        Entries to include; broadcasts to p. Excluded entries are replaced before any
        arithmetic, and have a surprisal of 0.

    Returns
    -------
    array
        Surprisals, of p's shape, library and device.

    See Also
    --------
    entropy : the mean of the surprisals.
    relentropy.special.log_softmax

    Notes
    -----
    The surprisal of a nearly certain outcome is accurate; that of an outcome without mass is
    inf.

    References
    ----------
    C. E. Shannon, "A mathematical theory of communication", Bell System Technical Journal 27
    (1948).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import surprisal
    >>> print(surprisal(np.array([1.0, 1e-20])))
    [1.00000000e-20 4.60517019e+01]
    """
    flag, base = _arguments.one_flag("from_logits", from_logits), _arguments.checked_base(base)
    of: Map = (
        Surprisal(flag, base)
        if _arguments.one_flag("normalize", normalize)
        else PlainSurprisal(flag, base)
    )
    return normalised(of, {"p": p}, axis=axis, where=where, dtype=dtype)
