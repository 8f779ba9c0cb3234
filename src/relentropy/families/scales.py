"""Relative entropy between distributions of a location and a scale, or of a scale alone."""

from __future__ import annotations

from typing import Any

from .._arrays.operands import Array, Operand
from .._call import elementwise
from .._formulas.locations import EXPONENTIAL, LAPLACE, PARETO, UNIFORM
from .._records import closed_form


@closed_form(
    "Gil, Alajaji and Linder (2013); exp(-d) - 1 + d, relative differences of scales",
    float64=5.0,
)
def kl_laplace(
    mean_p: Operand[Array],
    scale_p: Operand[Array],
    mean_q: Operand[Array],
    scale_q: Operand[Array],
    *,
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""Return the relative entropy between Laplace distributions.

    .. math::
        D(p \| q) = \log \frac{b_q}{b_p} + \frac{|\mu_p - \mu_q|}{b_q}
        + \frac{b_p}{b_q} e^{-|\mu_p - \mu_q|/b_p} - 1

    Parameters
    ----------
    mean_p : array
        Locations of p.
    scale_p : array
        Scales b of p.
    mean_q : array
        Locations of q.
    scale_q : array
        Scales of q.

    See Also
    --------
    kl_normal

    Notes
    -----
    A scale of zero makes a point: 0 from itself and inf from and to everything else.

    References
    ----------
    M. Gil, F. Alajaji and T. Linder, "Rényi divergence measures for commonly used univariate
    continuous distributions", Information Sciences 249 (2013).

    Examples
    --------
    >>> from relentropy.families import kl_laplace
    >>> print(f"{kl_laplace(0.0, 1.0, 1.0, 1.0):.6f}")
    0.367879
    """
    operands = {"mean_p": mean_p, "scale_p": scale_p, "mean_q": mean_q, "scale_q": scale_q}
    return elementwise(LAPLACE, operands, where=where, dtype=dtype, widen=True)


@closed_form(
    "Gil, Alajaji and Linder (2013); log1p of the relative difference of lengths",
    float64=3.0,
)
def kl_uniform(
    low_p: Operand[Array],
    high_p: Operand[Array],
    low_q: Operand[Array],
    high_q: Operand[Array],
    *,
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""Return the relative entropy between uniform distributions.

    .. math::
        D(p \| q) = \log \frac{b_q - a_q}{b_p - a_p}
        \quad \text{if } a_q \le a_p \text{ and } b_p \le b_q, \text{ else } \infty

    Parameters
    ----------
    low_p : array
        Lower ends a of p.
    high_p : array
        Upper ends b of p.
    low_q : array
        Lower ends of q.
    high_q : array
        Upper ends of q.

    See Also
    --------
    kl_pareto : which has an end, too.

    Notes
    -----
    nan where an upper end is below the lower one. An interval without length is a point: 0 from
    itself, inf from and to all others. At equal parameters, from where the divergence jumps to
    inf in half of all directions, the gradient is taken as 0, elsewhere as that of the formula;
    where the divergence is infinite it is nan.

    References
    ----------
    M. Gil, F. Alajaji and T. Linder, "Rényi divergence measures for commonly used univariate
    continuous distributions", Information Sciences 249 (2013).

    Examples
    --------
    >>> from relentropy.families import kl_uniform
    >>> print(f"{kl_uniform(0.0, 1.0, 0.0, 1.0 + 2**-40):.6e}")
    9.094947e-13
    >>> float(kl_uniform(0.0, 1.0, 0.5, 2.0))
    inf
    """
    operands = {"low_p": low_p, "high_p": high_p, "low_q": low_q, "high_q": high_q}
    return elementwise(UNIFORM, operands, where=where, dtype=dtype, widen=True)


@closed_form(
    "Kullback (1959); the relative difference of rates",
    float64=5.0,
)
def kl_exponential(
    rate_p: Operand[Array], rate_q: Operand[Array], *, where: Any = None, dtype: Any = None
) -> Array:
    r"""Return the relative entropy between exponential distributions.

    .. math:: D(p \| q) = \log \frac{\lambda_p}{\lambda_q} + \frac{\lambda_q}{\lambda_p} - 1

    Parameters
    ----------
    rate_p : array
        Rates of p, greater than 0.
    rate_q : array
        Rates of q, greater than 0.

    See Also
    --------
    kl_gamma : whose shape is 1 here.

    Notes
    -----
    Of scales, which are inverse rates, it is the same with p's and q's in each other's place:
    ``kl_exponential(scale_q, scale_p)``.

    References
    ----------
    S. Kullback, "Information Theory and Statistics" (1959).

    Examples
    --------
    >>> from relentropy.families import kl_exponential
    >>> print(f"{kl_exponential(1.0, 1.0 + 1e-9):.6e}")
    5.000001e-19
    """
    operands = {"rate_p": rate_p, "rate_q": rate_q}
    return elementwise(EXPONENTIAL, operands, where=where, dtype=dtype, widen=True)


@closed_form(
    "Gil, Alajaji and Linder (2013); relative differences of shapes and of scales",
    float64=5.0,
)
def kl_pareto(
    scale_p: Operand[Array],
    shape_p: Operand[Array],
    scale_q: Operand[Array],
    shape_q: Operand[Array],
    *,
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""Return the relative entropy between Pareto distributions.

    .. math::
        D(p \| q) = \log \frac{\alpha_p}{\alpha_q} + \frac{\alpha_q}{\alpha_p} - 1
        + \alpha_q \log \frac{m_p}{m_q}
        \quad \text{if } m_q \le m_p, \text{ else } \infty

    Parameters
    ----------
    scale_p : array
        Lower ends m of p, greater than 0.
    shape_p : array
        Shapes α of p, greater than 0.
    scale_q : array
        Lower ends of q.
    shape_q : array
        Shapes of q.

    See Also
    --------
    kl_exponential : of the logarithm of the outcome.

    Notes
    -----
    At equal parameters, from where the divergence jumps to inf in half of all directions, the
    gradient is taken as 0, elsewhere as that of the formula; where the divergence is infinite
    it is nan.

    References
    ----------
    M. Gil, F. Alajaji and T. Linder, "Rényi divergence measures for commonly used univariate
    continuous distributions", Information Sciences 249 (2013).

    Examples
    --------
    >>> from relentropy.families import kl_pareto
    >>> print(f"{kl_pareto(2.0, 3.0, 1.0, 3.0):.6f}")
    2.079442
    """
    operands = {
        "scale_p": scale_p, "shape_p": shape_p, "scale_q": scale_q, "shape_q": shape_q,
    }  # fmt: skip
    return elementwise(PARETO, operands, where=where, dtype=dtype, widen=True)
