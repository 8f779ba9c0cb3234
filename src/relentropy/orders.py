"""Amari's, Tsallis's and Rényi's measures of an order, and measures derived from them."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np

from . import _arguments
from ._arrays.library import gather, placed
from ._arrays.operands import Array, Generic, Operand
from ._call import reduce
from ._formulas import generators as rows
from ._formulas.chernoff import ChernoffInformation
from ._formulas.order_entropy import RenyiEntropy, TsallisEntropy
from ._formulas.renyi import Coefficient, RenyiDivergence
from ._records import record
from .f_divergences import divergence_of

_FINITE = sys.float_info.max


@record(
    "reduction",
    "Cichocki and Amari (2010); a series in the log-ratio, and quotients of exponentials",
    float64=4.0,
    tiled=6.0,
    conditioned=True,
    without_float64=6.0,
)
def alpha_divergence(
    p: Operand[Array],
    q: Operand[Array],
    alpha: Any,
    *,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: _arguments.FromLogits = False,
    normalize: bool = True,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Return Amari's alpha divergence, in the convention of Cichocki and Amari.

    .. math::
        D_\alpha(p \| q) = \frac{1}{\alpha (\alpha - 1)}
        \left(\sum_i p_i^\alpha q_i^{1 - \alpha} - 1\right)

    It is D(p‖q) at alpha = 1, D(q‖p) at alpha = 0, four times the squared Hellinger distance at
    1/2, half of Pearson's chi-squared at 2 and half of Neyman's at -1, and continuous through
    all of them.

    Parameters
    ----------
    alpha : float or array
        The order, any finite real number. An array broadcasts against the result, one result
        for each order; it has no derivative.

    See Also
    --------
    renyi_divergence, tsallis_divergence : other functions of the same sum.

    Notes
    -----
    The condition number is 1 except for orders above 1 or below 0 and large ratios, whose
    powers have about half the mean of ``abs(log(p/q)*(alpha - 1))``.

    The divergence is inf for alpha >= 1 if p has mass where q has none, and vice versa for
    alpha <= 0. An invalid number as the order raises; in an array of orders it gives nan.

    References
    ----------
    A. Cichocki and S. Amari, "Families of alpha- beta- and gamma-divergences: flexible and
    robust measures of similarities", Entropy 12 (2010).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import alpha_divergence
    >>> p, q = np.array([0.5, 0.5]), np.array([0.25, 0.75])
    >>> print(alpha_divergence(p, q, [0, 0.5, 1]).round(6))
    [0.130812 0.136297 0.143841]
    """
    operands = {"p": p, "q": q}
    order, axis = _arguments.order_and_axis(alpha, operands, axis, least=-_FINITE, most=_FINITE)
    kl = rows.KL()
    return _of_order(  # type: ignore[no-any-return]
        rows.Alpha(), {0: rows.Swapped(kl), 1: kl}, order, (operands, from_logits, normalize),
        axis=axis, where=where, keepdims=keepdims, dtype=dtype,
    )  # fmt: skip


@record(
    "reduction",
    "Tsallis (1998); the term of the alpha divergence",
    float64=4.0,
    tiled=6.0,
    conditioned=True,
    without_float64=6.0,
)
def tsallis_divergence(
    p: Operand[Array],
    q: Operand[Array],
    alpha: Any,
    *,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: _arguments.FromLogits = False,
    normalize: bool = True,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Return the Tsallis relative entropy.

    .. math::
        D_\alpha(p \| q) = \frac{1}{\alpha - 1}
        \left(\sum_i p_i^\alpha q_i^{1 - \alpha} - 1\right)

    It is D(p‖q) at alpha = 1 and, at alpha = 0, the mass of q where p has none.

    Parameters
    ----------
    alpha : float or array
        The order, at least 0 and finite. An array broadcasts against the result, one result for
        each order; it has no derivative, and its negative orders give nan.

    See Also
    --------
    alpha_divergence : the Tsallis divergence divided by alpha.
    renyi_divergence : log1p((alpha - 1)*D)/(alpha - 1).

    Notes
    -----
    The condition number is 1 except for powers of large ratios, with orders above 1. The
    divergence is inf for alpha >= 1 if p has mass where q has none.

    References
    ----------
    C. Tsallis, "Generalized entropy-based criterion for consistent testing", Physical Review E
    58 (1998).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import tsallis_divergence
    >>> p, q = np.array([0.5, 0.5]), np.array([0.25, 0.75])
    >>> print(tsallis_divergence(p, q, [0.5, 1, 2]).round(6))
    [0.068148 0.143841 0.333333]
    """
    operands = {"p": p, "q": q}
    order, axis = _arguments.order_and_axis(alpha, operands, axis, least=0.0, most=_FINITE)
    return _of_order(  # type: ignore[no-any-return]
        rows.Tsallis(), {1: rows.KL()}, order, (operands, from_logits, normalize),
        axis=axis, where=where, keepdims=keepdims, dtype=dtype,
    )  # fmt: skip


@record(
    "reduction",
    "Rényi (1961), van Erven and Harremoës (2014); log1p of the alpha divergence",
    float64=4.0,
    tiled=6.0,
    without_float64=6.0,
)
def renyi_divergence(
    p: Operand[Array],
    q: Operand[Array],
    alpha: Any,
    *,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: _arguments.FromLogits = False,
    base: float | None = None,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Return the Rényi divergence of any order.

    .. math::
        D_\alpha(p \| q) = \frac{1}{\alpha - 1}
        \log \sum_i p_i^\alpha q_i^{1 - \alpha}

    It is D(p‖q) at alpha = 1, -log of the mass that q has where p has any at alpha = 0, twice
    the Bhattacharyya distance at 1/2, log(1 + chi2) at 2 and the logarithm of the largest ratio
    at inf, continuous through all of them, and grows with alpha.

    Parameters
    ----------
    alpha : float or array
        The order, at least 0 and possibly inf. An array broadcasts against the result, one
        result for each order; it has no derivative, and its negative orders give nan.

    See Also
    --------
    alpha_divergence, tsallis_divergence, bhattacharyya_distance, chernoff_information

    Notes
    -----
    The divergence is inf for alpha >= 1 if p has mass where q has none, and if no entry has
    mass on both sides. For alpha = inf the derivative is that of the largest ratio, and the
    mean of derivatives for several largest ratios; ratios closer to 1 than 2**-140 (2**-75
    without float64 data) count as 1.

    References
    ----------
    A. Rényi, "On measures of entropy and information", Berkeley Symposium on Mathematical
    Statistics and Probability (1961). T. van Erven and P. Harremoës, "Rényi divergence and
    Kullback-Leibler divergence", IEEE Transactions on Information Theory 60 (2014).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import renyi_divergence
    >>> p, q = np.array([0.5, 0.5]), np.array([0.25, 0.75])
    >>> print(renyi_divergence(p, q, [0, 0.5, 1, 2, np.inf]).round(6))
    [0.       0.069336 0.143841 0.287682 0.693147]
    """
    operands = {"p": p, "q": q}
    _arguments.refuse_labels(**operands)
    order, axis = _arguments.order_and_axis(alpha, operands, axis, least=0.0)
    measure = RenyiDivergence(_arguments.both_flags(from_logits), _arguments.checked_base(base))
    return _of_order(  # type: ignore[no-any-return]
        measure, {1: rows.KL()}, order, (operands, from_logits, True), base=base,
        axis=axis, where=where, keepdims=keepdims, dtype=dtype,
    )  # fmt: skip


@record(
    "reduction",
    "Bhattacharyya (1943); half of Rényi's divergence of order 1/2",
    float64=4.0,
    tiled=6.0,
    without_float64=6.0,
)
def bhattacharyya_distance(
    p: Operand[Array],
    q: Operand[Array],
    *,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: _arguments.FromLogits = False,
    base: float | None = None,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Return the Bhattacharyya distance.

    .. math:: -\log \sum_i \sqrt{p_i q_i}

    Returns
    -------
    array
        Distances, of the same library and on the same device as the operands.

    See Also
    --------
    hellinger_distance, renyi_divergence

    Notes
    -----
    The distance is symmetric, and inf if no entry has mass on both sides.

    References
    ----------
    A. Bhattacharyya, "On a measure of divergence between two statistical populations defined by
    their probability distributions", Bulletin of the Calcutta Mathematical Society 35 (1943).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import bhattacharyya_distance
    >>> far = np.array([0.0, -1000.0]), np.array([-1000.0, 0.0])
    >>> round(float(bhattacharyya_distance(*far, from_logits=True)), 6)
    499.306853
    """
    operands = {"p": p, "q": q}
    _arguments.refuse_labels(**operands)
    measure = RenyiDivergence(
        _arguments.both_flags(from_logits), _arguments.checked_base(base), factor=0.5
    )
    (value,) = reduce(
        measure, operands, parameters={"alpha": 0.5},
        axis=axis, where=where, keepdims=keepdims, dtype=dtype,
    )  # fmt: skip
    return value


@record(
    "reduction",
    "Bhattacharyya (1943); the sum of Rényi's divergence of order 1/2, or what it lacks to 1",
    float64=4.0,
    tiled=6.0,
    without_float64=6.0,
    aliases=("the Hellinger affinity", "the Bhattacharyya affinity", "the overlap"),
)
def bhattacharyya_coefficient(
    p: Operand[Array],
    q: Operand[Array],
    *,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: _arguments.FromLogits = False,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Return the Bhattacharyya coefficient: how much two distributions have in common.

    .. math:: \mathrm{BC}(p, q) = \sum_i \sqrt{p_i q_i}

    Returns
    -------
    array
        Coefficients from 0 to 1, of the same library and on the same device as the operands.

    See Also
    --------
    bhattacharyya_distance : -log of it.
    hellinger_distance : the square root of 1 minus it.

    Notes
    -----
    The coefficient is symmetric, exactly 1 for equal operands, and 0 if no entry has mass on
    both sides. A tiny coefficient is accurate to the same bounds, whereas 1 minus the square of
    `hellinger_distance` suffers cancellation; near 1, that distance and
    `bhattacharyya_distance` are accurate in the difference from 1. The derivative with respect
    to a weight of 0 is inf if the other side has mass there.

    References
    ----------
    A. Bhattacharyya, "On a measure of divergence between two statistical populations defined by
    their probability distributions", Bulletin of the Calcutta Mathematical Society 35 (1943).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import bhattacharyya_coefficient
    >>> far = np.array([0.0, -1000.0]), np.array([-1000.0, 0.0])
    >>> print(f"{bhattacharyya_coefficient(*far, from_logits=True):.12e}")
    1.424915281348e-217
    """
    operands = {"p": p, "q": q}
    _arguments.refuse_labels(**operands)
    measure = Coefficient(_arguments.both_flags(from_logits))
    (value,) = reduce(
        measure, operands, parameters={"alpha": 0.5},
        axis=axis, where=where, keepdims=keepdims, dtype=dtype,
    )  # fmt: skip
    return value


class Chernoff(NamedTuple, Generic[Array]):
    """Chernoff information of two distributions, and the exponent that maximizes it.

    Examples
    --------
    >>> from relentropy import chernoff_information
    >>> chernoff = chernoff_information([0.5, 0.5], [0.9, 0.1])
    >>> print(f"{chernoff.information:.4f} at {chernoff.exponent:.4f}")
    0.1124 at 0.5416
    """

    information: Array
    """Never negative."""
    exponent: Array
    """The maximising s, from 0 to 1."""


@record(
    "reduction",
    "Chernoff (1952), Nielsen (2013); Newton's method in bounds that are halved",
    float64=4.0,
    tiled=6.0,
    without_float64=6.0,
)
def chernoff_information(
    p: Operand[Array],
    q: Operand[Array],
    *,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: _arguments.FromLogits = False,
    base: float | None = None,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Chernoff[Array]:
    r"""Return the Chernoff information, the best error exponent of a test of two hypotheses.

    .. math:: C(p, q) = \max_{0 \le s \le 1} -\log \sum_i p_i^s q_i^{1 - s}

    Returns
    -------
    information : array
        Chernoff information, of the same library and on the same device as the operands.
    exponent : array
        The maximizing s; 1/2 for equal operands or if nothing is selected.

    See Also
    --------
    bhattacharyya_distance : its value at s = 1/2, and a lower bound.
    renyi_divergence

    Notes
    -----
    The exponent is computed, by 27 passes over the data, to the accuracy that the information
    needs, which is flat around it; it is off by up to 1e-7 for log-ratios above 1e5. It counts
    as a constant in derivatives, which changes no derivative of the information.

    The information is inf if no entry has mass on both sides.

    References
    ----------
    H. Chernoff, "A measure of asymptotic efficiency for tests of a hypothesis based on the sum
    of observations", Annals of Mathematical Statistics 23 (1952). F. Nielsen, "An
    information-geometric characterization of Chernoff information", IEEE Signal Processing
    Letters 20 (2013).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import chernoff_information
    >>> chernoff = chernoff_information(np.array([0.5, 0.5]), np.array([0.25, 0.75]))
    >>> round(float(chernoff.information), 9), round(float(chernoff.exponent), 6)
    (0.034688185, 0.511923)
    """
    operands = {"p": p, "q": q}
    _arguments.refuse_labels(**operands)
    measure = ChernoffInformation(
        _arguments.both_flags(from_logits), _arguments.checked_base(base)
    )
    found = reduce(measure, operands, axis=axis, where=where, keepdims=keepdims, dtype=dtype)
    return Chernoff(*found)


@record(
    "reduction",
    "Rényi (1961); gaps from the largest entry, bent by the order, and log1p of what they add",
    float64=4.0,
    tiled=6.0,
    without_float64=6.0,
)
def renyi_entropy(
    p: Operand[Array],
    alpha: Any,
    *,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: bool = False,
    base: float | None = None,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Return the Rényi entropy of any order.

    .. math:: H_\alpha(p) = \frac{1}{1 - \alpha} \log \sum_i p_i^\alpha

    It is Shannon's entropy at alpha = 1, the logarithm of the number of entries with mass at
    alpha = 0, minus the logarithm of the largest probability at inf (min-entropy), continuous
    through all of them, and falls with alpha.

    Parameters
    ----------
    alpha : float or array
        The order, at least 0 and possibly inf. An array broadcasts against the result, one
        result for each order; it has no derivative, and its negative orders give nan.

    See Also
    --------
    entropy, tsallis_entropy, renyi_divergence

    Notes
    -----
    The result is accurate for nearly certain distributions. The derivative by a weight of 0 is
    inf for orders up to 1.

    References
    ----------
    A. Rényi, "On measures of entropy and information", Berkeley Symposium on Mathematical
    Statistics and Probability (1961).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import renyi_entropy
    >>> print(renyi_entropy(np.array([0.5, 0.25, 0.25]), [0, 1, 2, np.inf], base=2).round(6))
    [1.584963 1.5      1.415037 1.      ]
    """
    return _entropy(  # type: ignore[no-any-return]
        RenyiEntropy, p, alpha, from_logits, _arguments.checked_base(base),
        axis=axis, where=where, keepdims=keepdims, dtype=dtype,
    )  # fmt: skip


@record(
    "reduction",
    "Tsallis (1988); gaps from the largest entry, bent by the order",
    float64=4.0,
    tiled=6.0,
    without_float64=6.0,
)
def tsallis_entropy(
    p: Operand[Array],
    alpha: Any,
    *,
    axis: int | tuple[int, ...] | None = -1,
    from_logits: bool = False,
    where: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
) -> Array:
    r"""Return the Tsallis entropy of any order.

    .. math:: S_\alpha(p) = \frac{1}{\alpha - 1} \left(1 - \sum_i p_i^\alpha\right)

    It is Shannon's entropy at alpha = 1, the number of entries with mass, less one, at
    alpha = 0, and the probability that two draws differ (Gini's index) at alpha = 2.

    Parameters
    ----------
    alpha : float or array
        The order, at least 0; at inf the entropy is 0. An array broadcasts against the result,
        one result for each order; it has no derivative, and its negative orders give nan.

    See Also
    --------
    entropy, renyi_entropy, tsallis_divergence

    Notes
    -----
    The result is accurate for nearly certain distributions. The derivative by a weight of 0 is
    inf for orders up to 1.

    References
    ----------
    C. Tsallis, "Possible generalization of Boltzmann-Gibbs statistics", Journal of Statistical
    Physics 52 (1988).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy import tsallis_entropy
    >>> print(tsallis_entropy(np.array([0.5, 0.25, 0.25]), [0, 1, 2]).round(6))
    [2.       1.039721 0.625   ]
    """
    return _entropy(  # type: ignore[no-any-return]
        TsallisEntropy, p, alpha, from_logits, None,
        axis=axis, where=where, keepdims=keepdims, dtype=dtype,
    )  # fmt: skip


def _of_order(
    family: rows.Row | RenyiDivergence, limits: dict[int, rows.Variant], order: Any,
    arguments: tuple[dict[str, Any], Any, Any], *, base: Any = None, **keywords: Any,
) -> Any:  # fmt: skip
    """Return a family's divergence of an order, or of an array of them.

    Where the order is among ``limits``, in whatever form, it is their generator's.
    """

    def limit(at: int, **keywords: Any) -> Any:
        return divergence_of(limits[at], *arguments, base=base, **keywords)

    def of_family(**keywords: Any) -> Any:
        parameters = {"alpha": order}
        if isinstance(family, RenyiDivergence):
            return reduce(family, arguments[0], parameters=parameters, **keywords)[0]
        return divergence_of(family, *arguments, parameters=parameters, **keywords)

    if isinstance(order, float):
        return limit(int(order), **keywords) if order in limits else of_family(**keywords)
    keepdims = keywords.pop("keepdims")
    value = of_family(keepdims=True, **keywords)
    result = gather({"value": value})
    raw = result.raw
    for at in limits:
        if isinstance(order, list | np.ndarray):
            equal = np.asarray(order) == at
            if not equal.any():  # an order of the host, which decides nothing about operands
                continue
            equal = raw.asarray(equal.tolist(), **placed(result.library, result.device))
        else:
            equal = order == at
        value = raw.where(equal, limit(at, keepdims=True, **keywords), value)
    return value if keepdims else raw.squeeze(value, axis=keywords["axis"])


def _entropy(
    kind: Any, p: Any, alpha: Any, from_logits: Any, base: Any, **keywords: Any
) -> Any:
    axis = keywords.pop("axis")
    order, axis = _arguments.order_and_axis(alpha, {"p": p}, axis, least=0.0)
    measure = kind(_arguments.one_flag("from_logits", from_logits), base)
    (value,) = reduce(measure, {"p": p}, parameters={"alpha": order}, axis=axis, **keywords)
    return value
