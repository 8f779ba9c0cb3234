"""Relative entropy between distributions of extremes: Gumbel and Weibull."""

from __future__ import annotations

from typing import Any

from .._arrays.operands import Array, Operand
from .._call import elementwise
from .._formulas.extremes import GUMBEL, WEIBULL
from .._records import closed_form


@closed_form(
    "Gil, Alajaji and Linder (2013); exp(x) - 1 - x and a Bregman divergence of lgamma",
    float64=8.0,
)
def kl_gumbel(
    location_p: Operand[Array],
    scale_p: Operand[Array],
    location_q: Operand[Array],
    scale_q: Operand[Array],
    *,
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""Return the relative entropy between Gumbel distributions.

    .. math::
        D(p \| q) = \log \frac{\beta_q}{\beta_p}
        + \gamma \left( \frac{\beta_p}{\beta_q} - 1 \right)
        + e^{(\mu_q - \mu_p)/\beta_q} \, \Gamma \left( \frac{\beta_p}{\beta_q} + 1 \right) - 1
        + \frac{\mu_p - \mu_q}{\beta_q}

    Parameters
    ----------
    location_p : array
        Locations (modes) μ of p.
    scale_p : array
        Scales β of p.
    location_q : array
        Locations of q.
    scale_q : array
        Scales of q.

    See Also
    --------
    kl_weibull : of the exponentials of negated outcomes.

    Notes
    -----
    The exponent is kept to an ulp of 1, however large its parts are; inf where the exponential
    is. γ is Euler's constant. Of the distribution of minima, negate the locations.

    A scale of zero makes a point: 0 from itself and inf from and to everything else. Ratios of
    other scales are meant to be between 1e-100 and 1e100.

    References
    ----------
    M. Gil, F. Alajaji and T. Linder, "Rényi divergence measures for commonly used univariate
    continuous distributions", Information Sciences 249 (2013).

    Examples
    --------
    >>> from relentropy.families import kl_gumbel
    >>> print(f"{kl_gumbel(0.0, 1.0, 1.0, 1.0):.6f}")
    0.718282
    >>> print(f"{kl_gumbel(0.0, 1.0, 1e-9, 1.0):.6e}")
    5.000000e-19
    """
    operands = {
        "location_p": location_p, "scale_p": scale_p,
        "location_q": location_q, "scale_q": scale_q,
    }  # fmt: skip
    return elementwise(GUMBEL, operands, where=where, dtype=dtype, widen=True)


@closed_form(
    "Gil, Alajaji and Linder (2013); exp(x) - 1 - x and a Bregman divergence of lgamma",
    float64=8.0,
)
def kl_weibull(
    shape_p: Operand[Array],
    scale_p: Operand[Array],
    shape_q: Operand[Array],
    scale_q: Operand[Array],
    *,
    where: Any = None,
    dtype: Any = None,
) -> Array:
    r"""Return the relative entropy between Weibull distributions.

    .. math::
        D(p \| q) = \log \frac{k_p}{\lambda_p^{k_p}} - \log \frac{k_q}{\lambda_q^{k_q}}
        + (k_p - k_q) \left( \log \lambda_p - \frac{\gamma}{k_p} \right)
        + \left( \frac{\lambda_p}{\lambda_q} \right)^{k_q}
        \Gamma \left( \frac{k_q}{k_p} + 1 \right) - 1

    Parameters
    ----------
    shape_p : array
        Shapes (concentrations) k of p, greater than 0.
    scale_p : array
        Scales λ of p, greater than 0.
    shape_q : array
        Shapes of q.
    scale_q : array
        Scales of q.

    See Also
    --------
    kl_gumbel : of negated logarithms of outcomes.

    Notes
    -----
    The exponent is kept to an ulp of 1, however large its parts are; inf where the exponential
    is. γ is Euler's constant. Ratios of shapes are meant to be between 1e-100 and 1e100.

    References
    ----------
    M. Gil, F. Alajaji and T. Linder, "Rényi divergence measures for commonly used univariate
    continuous distributions", Information Sciences 249 (2013).

    Examples
    --------
    >>> from relentropy.families import kl_weibull
    >>> print(f"{kl_weibull(1.0, 1.0, 1.0, 2.0):.6f}")
    0.193147
    >>> print(f"{kl_weibull(2.0, 1.0, 2.0, 1.0 + 1e-9):.6e}")
    2.000000e-18
    """
    operands = {
        "shape_p": shape_p, "scale_p": scale_p, "shape_q": shape_q, "scale_q": scale_q,
    }  # fmt: skip
    return elementwise(WEIBULL, operands, where=where, dtype=dtype, widen=True)
