"""Entropies of one distribution, and of one distribution under another."""

from __future__ import annotations

from typing import Any, TypeVar

from . import _arguments
from ._arrays.protocols import Map, Measure
from ._call import normalised, reduce
from ._formulas.contributions import PlainSurprisal, Surprisal
from ._formulas.cross_entropy import CrossEntropy, UnnormalisedCrossEntropy
from ._records import record

Array = TypeVar("Array")


@record(
    "reduction",
    "Shannon (1948); gaps from the largest entry, and log1p of what the others add to it",
    float64=4.0,
    tiled=6.0,
    conditioned=True,
)
def entropy(
    p: Array,
    *,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: bool = False,
    normalize: bool = True,
    base: float | None = None,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Shannon entropy.

    .. math:: H(p) = -\sum_i p_i \log p_i

    Parameters
    ----------
    p : array
        Non-negative weights, such as probabilities or counts, or logits.
    axis : int, tuple of ints or None, default -1
        The axes that hold one distribution; None for all of them.
    from_logits : bool, default False
        Whether p are logits (or log-probabilities).
    normalize : bool, default True
        Normalise along ``axis``. If False, ``sum(entr(p))`` as it stands.
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits. The default is e, for nats.
    where : array of bool, optional
        Entries to include; broadcasts to p.
    keepdims : bool, default False
        Keep reduced axes with size one.
    dtype : dtype or str, optional
        Floating dtype of the result: float16, bfloat16, float32 or float64, by name or as
        any library's dtype. By default that of p, for integers the library's default. With
        float64 all its digits are computed also for a narrower p.

    Returns
    -------
    array
        Entropies, of the same library and on the same device as p.

    Raises
    ------
    TypeError
        For arrays that are not dense, and for boolean and complex dtypes.
    ValueError
        For an axis out of bounds, a mask that does not broadcast, an impossible base.

    See Also
    --------
    cross_entropy, kl_divergence, relentropy.special.entr

    Notes
    -----
    Errors are at most 4 ulp in float64 (6 where a row of more than 16384 entries is merged
    from tiles), 2 in float32 and 1 in float16 and bfloat16, also for distributions that are
    all but certain. With ``normalize=False`` terms can have either sign, and the bound is
    multiplied by the condition number of their sum.

    Limits: ``0*log(0) = 0``; nan for a negative, infinite or nan weight, for a logit of nan or
    +inf, and, if normalised, where there is no mass at all; 0 where nothing is selected, or the
    axis is empty.

    Gradients (torch, jax) are at most 6 ulp off in float64, 2 in float32 and 1 in float16 and
    bfloat16, times the component's condition number. By a weight of 0 the derivative is inf, by
    a logit of -inf 0.

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

    A distribution so certain that float64 probabilities cannot say how certain:

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
    return value  # type: ignore[no-any-return]


@record(
    "reduction",
    "Shannon (1948); gaps from the student's largest entry, and log1p of what the others add",
    float64=4.0,
    tiled=6.0,
    conditioned=True,
)
def cross_entropy(
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
    r"""Cross-entropy of q under p: the mean surprise of a model where p is the truth.

    .. math:: H(p, q) = -\sum_i p_i \log q_i = H(p) + D(p \| q)

    Parameters
    ----------
    p : array
        The reference distribution: non-negative weights, such as probabilities or counts, or
        logits. Class labels are not distributions and raise.
    q : array
        The model, of the same size along ``axis``; the other axes broadcast.
    axis : int, tuple of ints or None, default -1
        The axes that hold one distribution; None for all of them.
    from_logits : bool or pair of bools, default False
        Whether p and q are logits (or log-probabilities); a pair ``(p_is_log, q_is_log)``
        says it of each: ``(False, True)`` for soft targets and a model's logits.
    normalize : bool, default True
        Normalise both sides along ``axis``. If False, ``-sum(p*log(q))`` as it stands.
    base : float, optional
        Base of the logarithm, greater than 1: 2 for bits. The default is e, for nats.
    where : array of bool, optional
        Entries to include; broadcasts to the operands. A mask of tokens is
        ``where=mask[..., None]``.
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
        Cross-entropies, of the same library and on the same device as the operands.

    Raises
    ------
    TypeError
        For arrays of two libraries, for arrays that are not dense, for boolean and complex
        dtypes, and for class labels in place of p.
    ValueError
        For shapes that do not match, a mask that does not broadcast, an impossible base.

    See Also
    --------
    entropy, kl_divergence

    Notes
    -----
    Errors are at most 4 ulp in float64 (6 where a row of more than 16384 entries is merged
    from tiles), 2 in float32 and 1 in float16 and bfloat16. With ``normalize=False`` terms can
    have either sign, and the bound is multiplied by the condition number of their sum.

    To see how far two models are apart use `kl_divergence`: the difference of a cross-entropy
    and an entropy has lost the digits that tell.

    Limits: inf where p > 0 and q = 0; nan for a negative, infinite or nan weight, for a logit
    of nan or +inf, and, if normalised, where one side has no mass at all; 0 where nothing is
    selected, or the axis is empty.

    Gradients (torch, jax) are at most 6 ulp off in float64, 2 in float32 and 1 in float16 and
    bfloat16, times the component's condition number; the one by q's logits, q - p, cancels
    where the two are close, and that of `kl_divergence` does not. At entries that are zero (or
    -inf) on both sides they are finite; where p > 0 = q they are infinite, but by q's logits
    -p. An operand that needs no gradient costs none.

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
    return value  # type: ignore[no-any-return]


@record(
    "map",
    "Shannon (1948); the gap from the largest entry, and log1p of what the others add to it",
    float64=4.0,
    tiled=6.0,
    shared=True,
)
def surprisal(
    p: Array,
    *,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: bool = False,
    normalize: bool = True,
    base: float | None = None,
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""Surprise of every outcome, whose mean is the entropy.

    .. math:: -\log p_i

    Parameters
    ----------
    p : array
        Non-negative weights, such as probabilities or counts, or logits.
    from_logits : bool, default False
        Whether p are logits (or log-probabilities); then it is minus `log_softmax`.
    normalize : bool, default True
        Normalise along ``axis``. If False, -log(p) as it stands.
    where : array of bool, optional
        Entries to include; broadcasts to p. What it excludes is replaced before any arithmetic,
        and has a surprise of 0.

    Returns
    -------
    array
        Surprises, of p's shape, library and device.

    See Also
    --------
    entropy : their mean.
    relentropy.special.log_softmax

    Notes
    -----
    Accurate also for an outcome that is all but certain; inf for one without mass.

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
    return normalised(of, {"p": p}, axis=axis, where=where, dtype=dtype)  # type: ignore[no-any-return]
