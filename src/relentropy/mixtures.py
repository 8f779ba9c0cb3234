"""Divergences from a mixture: Jensen-Shannon and skewed relative entropy."""

from __future__ import annotations

from typing import Any

from . import _arguments
from ._arrays.operands import Array, Operand
from ._call import reduce
from ._formulas import generators as rows
from ._formulas.many import ManyJensenShannon
from ._records import record
from .f_divergences import divergence_of


@record(
    "reduction",
    "Lin (1991); an even function of the log-ratio or of the relative difference",
    float64=4.0,
    tiled=6.0,
    without_float64=6.0,
)
def js_divergence(
    p: Operand[Array],
    q: Operand[Array],
    *,
    weight: float = 0.5,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: _arguments.FromLogits = False,
    normalize: bool = True,
    base: float | None = None,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Return the Jensen-Shannon divergence.

    .. math::
        \mathrm{JS}_w(p, q) = (1 - w) D(p \| m) + w D(q \| m),
        \quad m = (1 - w) p + w q

    Parameters
    ----------
    weight : float, default 0.5
        The weight w of q in the mixture, from 0 to 1. At both ends the result is 0, the limit.

    Returns
    -------
    array
        Divergences, between 0 and the entropy of the weights (log 2 for w = 1/2), of the same
        library and on the same device as the operands.

    See Also
    --------
    js_distance : the square root, which is a metric.
    generalized_js_divergence : for more than two distributions.

    Notes
    -----
    For a weight other than 1/2, single rows of a bulk run had errors of 6 ulp in float64.

    The divergence is finite even if one side has mass where the other has none. Divided by w
    (or by 1 - w), and as w goes to 0 (or to 1), it is D(q‖p) (or D(p‖q)).

    References
    ----------
    J. Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on Information
    Theory 37 (1991).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import js_divergence
    >>> float(js_divergence(np.array([1.0, 0.0]), np.array([0.0, 1.0]), base=2))
    1.0
    >>> print(f"{js_divergence(np.array([0.5, 0.5]), np.array([0.5, 0.5 + 1e-9])):.6e}")
    1.250000e-19
    """
    weight = _arguments.checked_share("weight", weight)
    row = rows.JensenShannon() if weight == 0.5 else rows.SkewJensenShannon(weight)
    return divergence_of(
        row, {"p": p, "q": q}, from_logits, normalize, base=base,
        axis=axis, where=where, keepdims=keepdims, dtype=dtype,
    )  # fmt: skip


@record(
    "reduction",
    "Endres and Schindelin (2003); the root of the Jensen-Shannon divergence",
    float64=4.0,
    tiled=6.0,
    lost_below=1e-153,
    without_float64=6.0,
)
def js_distance(
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
    r"""Return the Jensen-Shannon distance, a metric: the square root of the divergence.

    .. math:: \sqrt{\tfrac12 D(p \| m) + \tfrac12 D(q \| m)}, \quad m = \tfrac12 (p + q)

    Parameters
    ----------
    base : float, optional
        Base of the logarithm, greater than 1. It divides under the root: with 2 the distance is
        at most 1. The default is e.

    Returns
    -------
    array
        Distances, of the same library and on the same device as the operands.

    See Also
    --------
    js_divergence, hellinger_distance

    Notes
    -----
    The distance is exactly 0 for equal operands, where its gradient is taken as 0 and its
    second derivatives are nan. A distance below 1e-153 (1e-18 if float64 is not available) is
    lost, as its square underflows.

    References
    ----------
    D. M. Endres and J. E. Schindelin, "A new metric for probability distributions", IEEE
    Transactions on Information Theory 49 (2003).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import js_distance
    >>> p, q = np.array([0.1, 0.2, 0.7]), np.array([0.1 + 1e-9, 0.2 - 1e-9, 0.7])
    >>> print(f"{js_distance(p, q):.6e}")
    1.369306e-09
    """
    return divergence_of(
        rows.JensenShannon(), {"p": p, "q": q}, from_logits, normalize, base=base, root=True,
        axis=axis, where=where, keepdims=keepdims, dtype=dtype,
    )  # fmt: skip


@record(
    "reduction",
    "Lin (1991); every distribution's difference to the mixture by its difference to the first",
    float64=4.0,
    tiled=6.0,
    without_float64=6.0,
)
def generalized_js_divergence(
    distributions: Any,
    *,
    weights: Any = None,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: bool = False,
    base: float | None = None,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Any:
    r"""Return the Jensen-Shannon divergence of several distributions.

    .. math::
        \mathrm{JS}_w(p_1, \dots, p_n) = \sum_k w_k D(p_k \| m), \quad m = \sum_k w_k p_k

    It is the mutual information of an outcome and of the index of its distribution.

    Parameters
    ----------
    distributions : sequence of arrays, or array
        At least two distributions: non-negative weights or logits, normalized along ``axis``.
        The first axis of an array counts the distributions, and ``axis`` refers to the others.
    weights : sequence of floats, optional
        A non-negative number for each distribution, divided by their sum. Equal by default.

    Returns
    -------
    array
        Divergences, at most the entropy of the weights, of the same library and on the same
        device as the operands.

    See Also
    --------
    js_divergence : for two distributions, with a weight.

    Notes
    -----
    The divergence is finite even if some distributions have mass where others have none, and
    nan if one of them is invalid.

    References
    ----------
    J. Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on Information
    Theory 37 (1991).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import generalized_js_divergence
    >>> round(float(generalized_js_divergence(np.eye(4), base=2)), 12)
    2.0
    """
    if not isinstance(distributions, list | tuple) and not getattr(distributions, "shape", ()):
        raise TypeError("distributions must be a sequence of arrays, or an array of them")
    count = len(distributions)
    if count < 2:
        raise ValueError(f"distributions must be at least two, not {count}")
    operands = {f"distributions[{k}]": distributions[k] for k in range(count)}
    measure = ManyJensenShannon(
        _arguments.mixture("weights", weights, count),
        _arguments.one_flag("from_logits", from_logits),
        _arguments.checked_base(base),
    )
    (value,) = reduce(measure, operands, axis=axis, where=where, keepdims=keepdims, dtype=dtype)
    return value


@record(
    "reduction",
    "Lee (1999), Lin (1991); KL's term against the mixture",
    float64=4.0,
    tiled=6.0,
    without_float64=6.0,
)
def skew_kl_divergence(
    p: Operand[Array],
    q: Operand[Array],
    *,
    weight: float = 0.5,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: _arguments.FromLogits = False,
    normalize: bool = True,
    base: float | None = None,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Return the skewed relative entropy, of a mixture of p and q from p.

    .. math:: K_w(p \| q) = D\bigl(p \,\big\|\, (1 - w) p + w q\bigr)

    Parameters
    ----------
    weight : float, default 0.5
        The weight w of q in the mixture, from 0 (the result is 0) to 1 (the result is D(p‖q)).

    See Also
    --------
    kl_divergence, js_divergence

    Notes
    -----
    The divergence is at most -log(1 - w), reached where p has mass and q has none; inf for w =
    1. Single rows of a bulk run had errors of 6 ulp in float64.

    References
    ----------
    L. Lee, "Measures of distributional similarity", Annual Meeting of the Association for
    Computational Linguistics (1999).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import skew_kl_divergence
    >>> float(skew_kl_divergence(np.array([1.0, 0.0]), np.array([0.0, 1.0]), base=2))
    1.0
    """
    weight = _arguments.checked_share("weight", weight)
    return divergence_of(
        rows.KL() if weight == 1 else rows.SkewKL(weight), {"p": p, "q": q}, from_logits,
        normalize, base=base, axis=axis, where=where, keepdims=keepdims, dtype=dtype,
    )  # fmt: skip
