"""Elementwise functions and log-domain reductions, with SciPy's signatures and defaults.

The functions take arrays of any supported library, and numbers and lists beside them; the
operands broadcast, integers become floats, and the result has the promoted dtype.
"""

from __future__ import annotations

from typing import Literal, cast, overload

from . import _arguments
from ._arrays.operands import Array, Operand
from ._call import elementwise, normalised, reduce
from ._formulas import elementwise as _elementwise
from ._formulas import logsumexp as _logsumexp
from ._records import record

__all__ = [
    "entr",
    "expm1mx",
    "kl_div",
    "log1mexp",
    "log1pexp",
    "log1pmx",
    "log_softmax",
    "logaddexp",
    "logsubexp",
    "logsumexp",
    "rel_entr",
    "softmax",
    "xlog1py",
    "xlogy",
]


@record("elementwise", "product with the library's logarithm", float64=2.5)
def xlogy(x: Operand[Array], y: Operand[Array], /) -> Array:
    r"""Return ``x*log(y)``, and 0 if x is 0.

    .. math:: x \log y

    Parameters
    ----------
    x : array
        Any number.
    y : array
        A non-negative number. Broadcasts with x.

    Returns
    -------
    array
        Products; 0 at x = 0 for any y but nan, and nan for y < 0 otherwise.

    Notes
    -----
    The derivatives are log(y) by x and x/y by y; 0 if both operands are, and infinite if y
    alone is 0.

    References
    ----------
    T. M. Cover and J. A. Thomas, "Elements of Information Theory", 2nd edition (2006), for
    ``0*log(0) = 0``.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.special import xlogy
    >>> print(xlogy(np.array([0.0, 2.0]), np.array([0.0, 1.0])))
    [0. 0.]
    """
    return elementwise(_elementwise.XLOGY, {"x": x, "y": y})


@record("elementwise", "product with log1p", float64=2.5)
def xlog1py(x: Operand[Array], y: Operand[Array], /) -> Array:
    r"""Return ``x*log(1 + y)``, and 0 if x is 0.

    .. math:: x \log(1 + y)

    Parameters
    ----------
    x : array
        Any number.
    y : array
        A number of at least -1. Broadcasts with x.

    Returns
    -------
    array
        Products; 0 at x = 0 for any y but nan, and nan for y < -1 otherwise.

    Notes
    -----
    The derivatives are log(1 + y) by x and x/(1 + y) by y; 0 at x = 0, y = -1, and infinite if
    y alone is -1.

    References
    ----------
    T. M. Cover and J. A. Thomas, "Elements of Information Theory", 2nd edition (2006), for
    ``0*log(0) = 0``.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.special import xlog1py
    >>> print(xlog1py(np.array([0.0, 2.0]), np.array([-1.0, 1e-20])))
    [0.e+00 2.e-20]
    """
    return elementwise(_elementwise.XLOG1PY, {"x": x, "y": y})


@record("elementwise", "product with the library's logarithm", float64=2.5)
def entr(x: Operand[Array], /) -> Array:
    r"""Return ``-x*log(x)``, a term of an entropy.

    .. math:: -x \log x

    Parameters
    ----------
    x : array
        A non-negative number.

    Returns
    -------
    array
        Terms; 0 at 0, -inf below.

    Notes
    -----
    Like `scipy.special.entr`. The derivative is -(log(x) + 1), accurate near its zero at 1/e;
    inf at 0, nan below.

    References
    ----------
    T. M. Cover and J. A. Thomas, "Elements of Information Theory", 2nd edition (2006),
    section 2.1.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.special import entr
    >>> print(entr(np.array([0.0, 1.0, 0.5])).round(12))
    [ 0.         -0.          0.34657359]
    """
    return elementwise(_elementwise.ENTR, {"x": x})


@record(
    "elementwise",
    "log1p of the relative difference, taken from the smaller number",
    float64=2.5,
)
def rel_entr(x: Operand[Array], y: Operand[Array], /) -> Array:
    r"""Return ``x*log(x/y)``, a term of the relative entropy.

    .. math:: x \log \frac{x}{y}

    Parameters
    ----------
    x : array
        A non-negative number.
    y : array
        A non-negative number. Broadcasts with x.

    Returns
    -------
    array
        Terms; 0 at x = 0, inf at y = 0 < x and for a negative operand.

    Notes
    -----
    Like `scipy.special.rel_entr`, but accurate for close x and y, and without overflow of x/y.
    Single terms may be negative; those of `kl_div` are not.

    The derivatives are log(x/y) + 1 by x, accurate near its zero at x = y/e, and -x/y by y. At
    x = 0 that by x is -inf, but 0 if y is 0 too: an entry without mass contributes nothing.

    References
    ----------
    S. Boyd and L. Vandenberghe, "Convex Optimization" (2004), section 3.2.6.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.special import rel_entr
    >>> print(f"{rel_entr(0.5, 0.5 * (1 + 1e-15)):.3e}")
    -5.551e-16
    """
    return elementwise(_elementwise.REL_ENTR, {"x": x, "y": y})


@record(
    "elementwise", "Numerics of this library: (x-y)/(x+y) and the tail of atanh", float64=3.0
)
def kl_div(x: Operand[Array], y: Operand[Array], /) -> Array:
    r"""Return ``x*log(x/y) - x + y``, a term of the generalized relative entropy.

    .. math:: x \log \frac{x}{y} - x + y

    Parameters
    ----------
    x : array
        A non-negative number.
    y : array
        A non-negative number. Broadcasts with x.

    Returns
    -------
    array
        Terms, never negative; y at x = 0, inf at y = 0 < x and for a negative operand.

    Notes
    -----
    Like `scipy.special.kl_div`, but accurate for close x and y, and inf if one of them is
    infinite.

    The derivatives are log(x/y) by x and 1 - x/y by y, accurate for close x and y. At x = 0
    they are -inf and 1, and 0 and 1 if y is 0 too.

    References
    ----------
    C. Loader, "Fast and accurate computation of binomial probabilities" (2000), whose deviance
    it is. S. Boyd and L. Vandenberghe, "Convex Optimization" (2004), section 3.2.6.

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.special import kl_div
    >>> print(f"{kl_div(0.3, 0.3 * (1 + 1e-8)):.6e}")
    1.500000e-17
    """
    return elementwise(_elementwise.KL_DIV, {"x": x, "y": y})


@record("elementwise", "series of atanh in x/(2+x), minimax coefficients", float64=3.0)
def log1pmx(x: Operand[Array], /) -> Array:
    r"""Return ``log(1 + x) - x`` without cancellation.

    .. math:: \log(1 + x) - x

    Parameters
    ----------
    x : array
        A number of at least -1.

    Returns
    -------
    array
        Values, never positive; -inf at -1, nan below.

    Notes
    -----
    The value is about ``-x**2/2`` near zero. The derivative is -x/(1 + x); inf at -1.

    References
    ----------
    C. Loader, "Fast and accurate computation of binomial probabilities" (2000), for the series
    in x/(2 + x).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.special import log1pmx
    >>> print(f"{log1pmx(1e-10):.6e}")
    -5.000000e-21
    """
    return elementwise(_elementwise.LOG1PMX, {"x": x})


@record("elementwise", "minimax polynomial", float64=3.0)
def expm1mx(x: Operand[Array], /) -> Array:
    """Return ``exp(x) - 1 - x`` without cancellation.

    .. math:: e^x - 1 - x

    Parameters
    ----------
    x : array
        Any number, such as a log-ratio.

    Returns
    -------
    array
        Values, never negative; inf at both infinities.

    Notes
    -----
    The value is about ``x**2/2`` near zero. At the log-ratio ``log(q/p)`` of a sample it is
    Schulman's estimator k3 of the relative entropy.

    The derivative is exp(x) - 1, without the cancellation that automatic differentiation of the
    formula has.

    References
    ----------
    J. Schulman, "Approximating KL divergence" (2020).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.special import expm1mx
    >>> print(f"{expm1mx(1e-10):.6e}")
    5.000000e-21
    """
    return elementwise(_elementwise.EXPM1MX, {"x": x})


@record("elementwise", "Maechler (2012)", float64=2.5)
def log1mexp(x: Operand[Array], /) -> Array:
    r"""Return ``log(1 - exp(x))`` for x <= 0.

    .. math:: \log(1 - e^x)

    Parameters
    ----------
    x : array
        A number of at most 0, such as a log-probability.

    Returns
    -------
    array
        The logarithm of the complement; -inf at 0, nan above.

    Notes
    -----
    The derivative is -1/(exp(-x) - 1); -inf at 0.

    References
    ----------
    M. Maechler, "Accurately computing log(1 - exp(-\|a\|))", vignette of the R package Rmpfr
    (2012).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.special import log1mexp
    >>> print(f"{log1mexp(-1e-20):.6f} {log1mexp(-50.0):.6e}")
    -46.051702 -1.928750e-22
    """
    return elementwise(_elementwise.LOG1MEXP, {"x": x})


@record("elementwise", "max(x, 0) + log1p(exp(-abs(x)))", float64=2.5)
def log1pexp(x: Operand[Array], /) -> Array:
    r"""Return ``log(1 + exp(x))``, the softplus function, without overflow.

    .. math:: \log(1 + e^x)

    Parameters
    ----------
    x : array
        Any number.

    Returns
    -------
    array
        Values, never negative: about exp(x) far below 0, and x far above; nan for nan.

    Notes
    -----
    The derivative is the logistic function.

    References
    ----------
    M. Maechler, "Accurately computing log(1 - exp(-\|a\|))", vignette of the R package Rmpfr
    (2012).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.special import log1pexp
    >>> print(f"{log1pexp(-50.0):.6e} {log1pexp(1000.0):.1f}")
    1.928750e-22 1000.0
    """
    return elementwise(_elementwise.LOG1PEXP, {"x": x})


@record(
    "elementwise",
    "the larger plus log1p of the exponential of the gap",
    float64=2.5,
    conditioned=True,
)
def logaddexp(x: Operand[Array], y: Operand[Array], /) -> Array:
    r"""Return ``log(exp(x) + exp(y))`` without overflow.

    .. math:: \log(e^x + e^y)

    Parameters
    ----------
    x : array
        Any number.
    y : array
        Any number. Broadcasts with x.

    Returns
    -------
    array
        Logarithms of sums; the other operand if one is -inf.

    Notes
    -----
    The condition number is 1 but for results close to zero. The derivatives are the shares of
    the two exponentials; 0 if both operands are -inf, nan if one is inf.

    References
    ----------
    P. Blanchard, D. J. Higham and N. J. Higham, "Accurately computing the log-sum-exp and
    softmax functions", IMA Journal of Numerical Analysis 41 (2021).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.special import logaddexp
    >>> print(logaddexp(-1000.0, -1000.0).round(9))
    -999.306852819
    """
    return elementwise(_elementwise.LOGADDEXP, {"x": x, "y": y})


@record("elementwise", "the larger plus log1mexp of the gap", float64=2.5, conditioned=True)
def logsubexp(x: Operand[Array], y: Operand[Array], /) -> Array:
    r"""Return ``log(exp(x) - exp(y))`` for x >= y.

    .. math:: \log(e^x - e^y)

    Parameters
    ----------
    x : array
        Any number.
    y : array
        A number of at most x. Broadcasts with x.

    Returns
    -------
    array
        Logarithms of differences; -inf for x = y, nan for x < y.

    Notes
    -----
    The condition number is 1 but for results close to zero. The derivatives are 1/(1 - exp(y -
    x)) by x, and 1 less that by y; inf and -inf for equal operands.

    References
    ----------
    M. Maechler, "Accurately computing log(1 - exp(-\|a\|))", vignette of the R package Rmpfr
    (2012).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.special import logsubexp
    >>> print(logsubexp(1000.0, 0.0))
    1000.0
    """
    return elementwise(_elementwise.LOGSUBEXP, {"x": x, "y": y})


@overload
def logsumexp(
    a: Operand[Array], axis: int | tuple[int, ...] | None = None, b: Operand[Array] | None =
    None, keepdims: bool = False, return_sign: Literal[False] = False,
) -> Array: ...  # fmt: skip


@overload
def logsumexp(
    a: Operand[Array], axis: int | tuple[int, ...] | None = None, b: Operand[Array] | None =
    None, keepdims: bool = False, *, return_sign: Literal[True],
) -> tuple[Array, Array]: ...  # fmt: skip


@overload
def logsumexp(
    a: Operand[Array], axis: int | tuple[int, ...] | None = None, b: Operand[Array] | None =
    None, keepdims: bool = False, *, return_sign: bool,
) -> Array | tuple[Array, Array]: ...  # fmt: skip


@record(
    "reduction",
    "Blanchard, Higham and Higham (2021), the largest term taken out of the sum",
    float64=4.0,
    tiled=6.0,
    conditioned=True,
)
def logsumexp(
    a: Operand[Array],
    axis: int | tuple[int, ...] | None = None,
    b: Operand[Array] | None = None,
    keepdims: bool = False,
    return_sign: bool = False,
) -> Array | tuple[Array, Array]:
    r"""Return the logarithm of a sum of exponentials.

    .. math:: \log \sum_i b_i e^{a_i}

    Parameters
    ----------
    a : array
        Exponents.
    axis : int, tuple of ints or None, default None
        Axes to sum over; None for all of them.
    b : array, optional
        Weights of any sign, of a's size along ``axis`` or of size one there.
    return_sign : bool, default False
        Return the logarithm of the sum's absolute value, and its sign.

    Returns
    -------
    array, or pair of arrays
        The logarithm; nan for a negative sum unless ``return_sign``. An empty sum gives -inf.
        With ``return_sign`` also the sign: 1, -1, or 0 for a sum of zero.

    Notes
    -----
    The condition number is :math:`\sum_i |a_i| p_i / |\log \sum_i e^{a_i}|` for a result close
    to zero, and 1 otherwise.

    The derivatives are softmax(a), or b*exp(a) and exp(a) over the sum; 0 if all exponents are
    -inf, nan if one is inf.

    References
    ----------
    P. Blanchard, D. J. Higham and N. J. Higham, "Accurately computing the log-sum-exp and
    softmax functions", IMA Journal of Numerical Analysis 41 (2021).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.special import logsumexp
    >>> print(logsumexp(np.array([1000.0, 1000.0])).round(9))
    1000.693147181
    >>> value, sign = logsumexp(np.array([1.0, 2.0]), b=np.array([1.0, -1.0]), return_sign=True)
    >>> print(value.round(9), sign)
    1.541324855 -1.0
    """
    return_sign = _arguments.one_flag("return_sign", return_sign)
    if b is None:
        (value,) = reduce(_logsumexp.LogSumExp(), {"a": a}, axis=axis, keepdims=keepdims)
        # A sum of exponentials is positive, zero or nan, and its sign is exp(value)'s.
        if not return_sign:
            return value
        of_value: dict[str, Operand[Array]] = {"value": cast("Operand[Array]", value)}
        return value, elementwise(_elementwise.SIGN_OF_SUM, of_value)
    measure = _logsumexp.SignedLogSumExp(return_sign)
    value, *sign = reduce(measure, {"a": a, "b": b}, axis=axis, keepdims=keepdims, stretch=True)
    return (value, sign[0]) if return_sign else value


@record(
    "map",
    "Blanchard, Higham and Higham (2021), the largest term taken out of the sum",
    float64=4.0,
)
def softmax(x: Operand[Array], axis: int | tuple[int, ...] | None = None) -> Array:
    r"""Return exponentials, normalized to sum to one.

    .. math:: \frac{e^{x_i}}{\sum_j e^{x_j}}

    Returns
    -------
    array
        Probabilities of x's shape; 0 at -inf, and nan if a distribution has no finite largest
        logit.

    See Also
    --------
    log_softmax

    Notes
    -----
    The gradient for a cotangent c is ``softmax*(c - sum(softmax*c))``.

    References
    ----------
    P. Blanchard, D. J. Higham and N. J. Higham, "Accurately computing the log-sum-exp and
    softmax functions", IMA Journal of Numerical Analysis 41 (2021).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.special import softmax
    >>> print(softmax(np.array([1000.0, 1000.0, -np.inf])))
    [0.5 0.5 0. ]
    """
    return normalised(_logsumexp.Softmax(), {"x": x}, axis=axis)


@record(
    "map",
    "Blanchard, Higham and Higham (2021), the largest term taken out of the sum",
    float64=4.0,
)
def log_softmax(x: Operand[Array], axis: int | tuple[int, ...] | None = None) -> Array:
    r"""Return the logarithm of the softmax.

    .. math:: x_i - \log \sum_j e^{x_j}

    Returns
    -------
    array
        Log-probabilities of x's shape; -inf at -inf, and nan if a distribution has no finite
        largest logit.

    See Also
    --------
    softmax, logsumexp

    Notes
    -----
    The logarithm of a probability close to 1 is accurate. The gradient for a cotangent c is
    ``c - softmax*sum(c)``.

    References
    ----------
    P. Blanchard, D. J. Higham and N. J. Higham, "Accurately computing the log-sum-exp and
    softmax functions", IMA Journal of Numerical Analysis 41 (2021).

    Examples
    --------
    >>> import numpy as np
    >>> from relentropy.special import log_softmax
    >>> print(f"{log_softmax(np.array([50.0, 0.0]))[0]:.6e}")
    -1.928750e-22
    """
    return normalised(_logsumexp.LogSoftmax(), {"x": x}, axis=axis)
